//! Requests with signatures, as receivers, inboxes and `groundswell verify` get them: a secret, a line for each header, an
//! empty line, a body. A signature of ours is right, whatever it is of; of another secret it is not.

#![no_main]

use groundswell_types::signature::{
    PRODUCT_SIGNATURE, StandardHeaders, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign,
    verify_product, verify_standard,
};
use groundswell_types::{HeaderView, SchemeCheck, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: &[u8]| {
    let mut parts = request.splitn(2, |byte| *byte == b'\n');
    let secret = parts.next().and_then(|text| Secret::parse(std::str::from_utf8(text).ok()?).ok());
    let (Some(secret), Some(rest)) = (secret, parts.next()) else { return };
    let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let Ok(head) = std::str::from_utf8(&rest[..end]) else { return };
    let body = rest.get(end + 2..).unwrap_or_default();
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let find = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());

    let now_ms = i64::try_from(body.len()).expect("small") * 977;
    if let Some(header) = find(PRODUCT_SIGNATURE) {
        let _ = verify_product(&secret, header, body, (now_ms, i64::MIN));
        let _ = verify_product(&secret, header, body, (i64::MIN, 1));
    }
    let id = find(WEBHOOK_ID).unwrap_or_default();
    if let (Some(timestamp), Some(signature)) = (find(WEBHOOK_TIMESTAMP), find(WEBHOOK_SIGNATURE)) {
        let headers = StandardHeaders { id, timestamp, signature };
        let _ = verify_standard(&secret, headers, body, (i64::MAX, 1));
    }
    let views = |pairs: &[(String, String)]| -> Vec<HeaderView> {
        pairs.iter().map(|(name, value)| HeaderView { name: name.clone(), value: value.clone() }).collect()
    };
    groundswell_engine::fuzzing::signature(&secret, &views(&pairs), (body, Some(b"{}")));
    groundswell_cli::fuzzing::findings(&secret, &pairs, body);

    let other = Secret::from_random(&[7; 32]);
    let signed = sign(&[&other, &secret], id, 0, body);
    let (product, standard) = (signed.product.expect("a secret"), signed.standard.expect("a secret"));
    let headers = StandardHeaders { id, timestamp: &signed.timestamp, signature: &standard };
    assert_eq!(verify_product(&secret, &product, body, (0, 0)), Ok(()));
    assert_eq!(verify_standard(&secret, headers, body, (0, 0)), Ok(()));
    let ours = [
        (PRODUCT_SIGNATURE, product.as_str()),
        (WEBHOOK_ID, id),
        (WEBHOOK_TIMESTAMP, signed.timestamp.as_str()),
        (WEBHOOK_SIGNATURE, standard.as_str()),
    ];
    let ours: Vec<_> = ours.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let check = groundswell_engine::fuzzing::signature(&secret, &views(&ours), (body, None));
    assert_eq!((check.product, check.standard), (SchemeCheck::Verified, SchemeCheck::Verified));
    assert_eq!(groundswell_cli::fuzzing::findings(&secret, &ours, body), 2);
    assert!(
        secret == other || verify_product(&Secret::from_random(&[8; 32]), &ours[0].1, body, (0, 0)).is_err()
    );
});
