//! What deliveries may reach besides public addresses: nothing, unless the operator says so.

use anyhow::Context as _;
use groundswell_engine::delivery::guard::Rule;

/// The rules of the flag or variable, which are separated by commas, else those of the file.
pub(super) fn rules(args: Option<&str>, file: &[String]) -> anyhow::Result<Vec<Rule>> {
    let texts: Vec<&str> = match args {
        Some(list) => list.split(',').collect(),
        None => file.iter().map(String::as_str).collect(),
    };
    texts
        .into_iter()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| {
            let rule: Result<Rule, _> = text.parse();
            rule.with_context(|| format!("egress.allow: `{text}` is no rule"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(args: Option<&str>, file: &[&str]) -> Vec<String> {
        let file: Vec<String> = file.iter().map(|&text| text.to_owned()).collect();
        rules(args, &file).expect("rules").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_come_from_the_flag_or_the_file() {
        assert_eq!(shown(None, &[]), [""; 0]);
        assert_eq!(shown(None, &["10.0.0.0/8"]), ["10.0.0.0/8"]);
        assert_eq!(shown(Some(""), &["10.0.0.0/8"]), [""; 0], "an empty flag goes before the file");
        assert_eq!(
            shown(Some("127.0.0.0/8, 10.0.0.5:8443,[fd00::1]:8080 ,::1,"), &[]),
            ["127.0.0.0/8", "10.0.0.5/32:8443", "[fd00::1]/128:8080", "::1/128"]
        );
    }

    #[test]
    fn what_is_no_rule_is_named_with_the_remedy() {
        let error = rules(Some("127.0.0.0/8, localhost:80"), &[]).expect_err("refused");
        let said = format!("{error:#}");
        assert!(said.contains("`localhost:80`") && said.contains("[fd00::1]:8080"), "{said}");
    }

    proptest! {
        #[test]
        fn a_list_is_its_rules_or_names_one_that_is_none(
            list in prop_oneof![any::<String>(), "([0-9a-f.:/\\[\\]+ ]{0,20},?){0,4}"],
        ) {
            match rules(Some(&list), &[]) {
                Ok(read) => {
                    let written: Vec<String> = read.iter().map(ToString::to_string).collect();
                    prop_assert_eq!(rules(Some(&written.join(",")), &[]).ok(), Some(read.clone()));
                    prop_assert_eq!(rules(None, &written).ok(), Some(read));
                }
                Err(error) => {
                    let said = format!("{error:#}");
                    let names = |text: &str| said.contains(&format!("`{}`", text.trim()));
                    prop_assert!(list.split(',').any(names), "{said}");
                }
            }
        }
    }
}
