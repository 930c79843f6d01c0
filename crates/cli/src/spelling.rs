//! What somebody may have meant.

/// The one of `known` that is written most alike; none when nothing is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |one: &str| strsim::jaro_winkler(&given.to_lowercase(), &one.to_lowercase());
    let rated = known.into_iter().map(|one| (likeness(one), one));
    rated.filter(|(likeness, _)| *likeness >= 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, one)| one)
}

/// ` Did you mean …?`, or nothing.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map(|one| format!("Did you mean `{one}`? ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_is_recognised_and_another_one_is_not() {
        let known = ["NEW_PARTICIPANT_ADDED", "CAMPAIGN_ENDED"];
        assert_eq!(nearest("new_participant_aded", known), Some("NEW_PARTICIPANT_ADDED"));
        assert_eq!(nearest("campaign-ended", known), Some("CAMPAIGN_ENDED"));
        assert_eq!(nearest("xyz", known), None);
    }
}
