//! The typed payloads keep what they are given: order, unknown members, unknown values.

use groundswell_types::payload::{CommissionStatus, ReferralSource, ShareCount};
use groundswell_types::{Envelope, Event, EventData};

use crate::events;

/// Reads `text` into the typed event and prints that again.
fn through_types(text: &str) -> String {
    let event: Event = serde_json::from_str(text).expect("fits the typed payload");
    serde_json::to_string(&event).expect("an event is JSON")
}

#[test]
fn every_sample_comes_back_from_its_type_as_it_was() {
    for envelope in events::all() {
        let text = events::text(&envelope);
        let read: Envelope = serde_json::from_str(&text).expect("an envelope");
        let event = Event::try_from(read).expect("fits its type");
        assert_eq!(event.data.kind(), envelope.event);
        assert_eq!(events::text(&Envelope::try_from(event).expect("JSON")), text);
        assert_eq!(through_types(&text), text);
    }
}

#[test]
fn every_sample_is_already_what_javascript_would_print() {
    for envelope in events::all() {
        let text = events::text(&envelope);
        assert_eq!(events::canonical(&text), text);
    }
}

#[test]
fn the_typed_members_hold_what_the_json_says() {
    let text = r#"{"event":"NEW_PARTICIPANT_ADDED","createdAt":5,"data":{"id":"p1","isWinner":true,
        "shareCount":{"email":2},"referralSource":"IMPORT","referrer":{"id":"p0","shareCount":7},
        "campaign":{"id":"c1","type":"REFERRAL"}}}"#;
    let event: Event = serde_json::from_str(text).expect("fits");
    assert_eq!(event.created_at, 5);
    let EventData::NewParticipantAdded(participant) = event.data else { panic!("another event") };
    assert_eq!(
        (participant.id.as_str(), participant.is_winner, &participant.email),
        ("p1", Some(true), &None)
    );
    assert!(matches!(&participant.share_count, Some(ShareCount::ByChannel(counts)) if counts["email"] == 2));
    assert_eq!(participant.referral_source, Some(ReferralSource::Import));
    let referrer = participant.referrer.expect("a referrer");
    assert_eq!((referrer.id.as_str(), referrer.share_count), ("p0", Some(ShareCount::Total(7))));
}

#[test]
fn unknown_members_stay_in_their_order_behind_the_known_ones() {
    let text = concat!(
        r#"{"event":"NEW_PAYOUT_ISSUED","createdAt":1,"data":{"#,
        r#""participant":{"id":"p1","zeta":1,"alpha":[{"b":null,"a":1.5}],"mid":{"y":"","x":true}},"#,
        r#""payout":{"id":"po_1","beta":"2","alpha":-3e-9},"#,
        r#""zulu":{},"yankee":[],"x-ray":"é"}}"#
    );
    assert_eq!(through_types(text), text);
}

#[test]
fn unknown_values_of_enumerations_pass() {
    let text = concat!(
        r#"{"event":"NEW_COMMISSION_ADDED","createdAt":1,"data":{"#,
        r#""participant":{"id":"p1","referralSource":"CARRIER_PIGEON","fraudRiskLevel":"EXTREME"},"#,
        r#""campaign":{"id":"c1","type":"LOYALTY","rewards":[{"id":"crew_1","type":"RAFFLE","limitDuration":"PER_WEEK"}]},"#,
        r#""commission":{"id":"comm_1","event":"CLICK","status":"ON_HOLD"}}}"#
    );
    assert_eq!(through_types(text), text);
    let event: Event = serde_json::from_str(text).expect("fits");
    let EventData::NewCommissionAdded(data) = event.data else { panic!("another event") };
    assert_eq!(data.commission.status, Some(CommissionStatus::Other("ON_HOLD".to_owned())));
    assert_eq!(data.participant.referral_source.expect("there").as_str(), "CARRIER_PIGEON");
}

#[test]
fn what_has_another_type_or_no_id_does_not_become_a_typed_event() {
    for text in [
        r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{}}"#,
        r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{"id":7}}"#,
        r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{"id":"c1","participantCount":"7"}}"#,
        r#"{"event":"CAMPAIGN_ENDED","createdAt":"1","data":{"id":"c1"}}"#,
        r#"{"event":"CAMPAIGN_STARTED","createdAt":1,"data":{"id":"c1"}}"#,
        r#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":[]}"#,
        r#"{"event":"CAMPAIGN_ENDED","createdAt":1}"#,
    ] {
        assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
    }
}
