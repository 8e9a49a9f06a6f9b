//! The class of a cluster as its name suggests it, until a person says otherwise.

use super::{Class, ClassOrigin, CleanText, Protection};

/// Classes in their order, most precious first, with the words that suggest them.
const RULES: [(&str, &[&str]); 4] = [
    ("prod", &["prod", "prd", "live", "production"]),
    ("stage", &["stag", "staging", "stage", "stg", "uat", "preprod"]),
    ("dev", &["dev", "test", "ci", "sandbox", "qa", "development"]),
    ("edge", &["edge", "store", "site"]),
];

/// The class of everything that no rule matches.
pub const UNCLASSIFIED: &str = "unclassified";

/// The names of all guessed classes, in their order.
pub fn class_names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name).chain([UNCLASSIFIED])
}

/// Guesses a class from whole words of a name; where words of several classes stand in it, the first class wins, so
/// that a mistake protects too much.
///
/// Words end at every character that is neither letter nor digit, and where letters and digits meet: `live2eu` holds
/// `live`, `reproduction` does not hold `prod`. A guessed `prod` and an unclassified cluster are locked until a person has
/// accepted the guess.
pub fn guess_class(name: &str) -> Class {
    let lower = name.to_lowercase();
    let words = words(&lower);
    let found = RULES.iter().enumerate().find_map(|(order, (class, suggesting))| {
        words.iter().find(|w| suggesting.contains(w)).map(|word| (order, *class, *word))
    });
    match found {
        Some((order, class, word)) => Class {
            name: CleanText::new(class),
            order: u16::try_from(order).unwrap_or(u16::MAX),
            origin: ClassOrigin::Guessed,
            rule: CleanText::new(&format!("the name holds the word \"{word}\"")),
            rule_at: None,
            protection: if class == "prod" { Protection::Locked } else { Protection::Confirm },
            pending: None,
            rules: None,
        },
        None => Class {
            name: CleanText::new(UNCLASSIFIED),
            order: u16::try_from(RULES.len()).unwrap_or(u16::MAX),
            origin: ClassOrigin::Guessed,
            rule: CleanText::new("no word of the name suggests a class"),
            rule_at: None,
            protection: Protection::Locked,
            pending: None,
            rules: None,
        },
    }
}

/// The words of a name.
fn words(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_alphanumeric()).flat_map(|part| part.split(char::is_numeric)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_suggest_a_class_and_prod_comes_first() {
        for (name, class) in [
            ("prod-eu-west-1", "prod"),
            ("PROD-EU", "prod"),
            ("live2eu", "prod"),
            ("arn:aws:eks:eu-west-1:1234:cluster/pay-prd", "prod"),
            ("gke_acme-dev_europe-west1_prod", "prod"),
            ("kubernetes-admin@production", "prod"),
            ("pre-prod", "prod"),
            ("preprod-1", "stage"),
            ("stg3", "stage"),
            ("uat.eu", "stage"),
            ("staging_2", "stage"),
            ("dev-lab-1", "dev"),
            ("ci", "dev"),
            ("qa01", "dev"),
            ("store-0042", "edge"),
            ("reproduction", UNCLASSIFIED),
            ("devil", UNCLASSIFIED),
            ("olivier", UNCLASSIFIED),
            ("cicd", UNCLASSIFIED),
            ("10.0.0.1", UNCLASSIFIED),
            ("", UNCLASSIFIED),
            ("größe-東京", UNCLASSIFIED),
        ] {
            assert_eq!(guess_class(name).name.as_str(), class, "{name}");
        }
    }

    #[test]
    fn prod_and_unclassified_are_locked_and_the_rule_names_the_word() {
        for (name, protection, order) in [
            ("prod-1", Protection::Locked, 0),
            ("stage-1", Protection::Confirm, 1),
            ("dev-1", Protection::Confirm, 2),
            ("edge-1", Protection::Confirm, 3),
            ("other-1", Protection::Locked, 4),
        ] {
            let class = guess_class(name);
            assert_eq!((class.protection, class.order), (protection, order), "{name}");
            assert_eq!(class.origin, ClassOrigin::Guessed);
        }
        assert!(guess_class("eu-PRD-1").rule.as_str().contains("\"prd\""));
        assert_eq!(class_names().count(), 5);
    }
}
