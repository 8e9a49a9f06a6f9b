//! EKS: `list-clusters`, then `describe-cluster` and `list-insights` for each, per profile and region.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::json::{at, clean, labels, list, pem, text, version};
use super::{Asking, Way, each, locate, or_usual, part_name, sighted};
use crate::fleet::{
    CleanText, Facts, Health, Problem, ProviderInsight, Severity, Sighting, SightingId, SourceKind, Truth,
};
use crate::registry::Sighted;
use crate::registry::keep::{Reading, problem};

/// A profile and a region, if they are named.
type Part = (Option<String>, Option<String>);

pub(super) async fn read(asking: &Asking, now: DateTime<Utc>) -> Vec<Result<Reading, Problem>> {
    let spec = &asking.spec.spec;
    let mut parts: Vec<Part> = Vec::new();
    for profile in or_usual(&spec.profiles) {
        parts.extend(or_usual(&spec.regions).into_iter().map(|region| (profile.clone(), region)));
    }
    let lists = each(parts, async |part: Part| {
        let name = name_of(&part);
        let said: Vec<&str> = part.0.iter().chain(&part.1).map(String::as_str).collect();
        let answer = match asking.check(&name, &said) {
            Ok(()) => asking.ask(&args(&["eks", "list-clusters"], &part), &name).await,
            Err(problem) => Err(problem),
        };
        let answer = answer.and_then(|a| match at(&a, "clusters") {
            Some(Json::Array(names)) => {
                Ok(names.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>())
            }
            _ => Err(asking.bad_output(&name)),
        });
        (part, answer)
    })
    .await;
    // All clusters of all parts share the four at a time.
    let mut wanted: Vec<(usize, Part, String)> = Vec::new();
    let mut readings: Vec<Result<Reading, Problem>> = Vec::new();
    for (index, (part, answer)) in lists.into_iter().enumerate() {
        readings.push(answer.map(|names| {
            wanted.extend(names.into_iter().map(|name| (index, part.clone(), name)));
            Reading::default()
        }));
    }
    let described = each(wanted, async |(index, part, name): (usize, Part, String)| {
        (index, describe(asking, &part, &name, now).await)
    })
    .await;
    for (index, result) in described {
        let Some(Ok(reading)) = readings.get_mut(index) else { continue };
        match result {
            Ok((sighted, note)) => {
                reading.sighted.push(sighted);
                // One note says it for all clusters of a part.
                let new = note.filter(|n| !reading.problems.iter().any(|p| p.code == n.code));
                reading.problems.extend(new);
            }
            Err(problem) => {
                reading.partial = true;
                reading.problems.push(problem);
            }
        }
    }
    readings
}

fn name_of((profile, region): &Part) -> String {
    part_name(&[profile.as_deref(), region.as_deref()], "default profile and region")
}

fn args<'a>(command: &[&'a str], (profile, region): &'a Part) -> Vec<&'a str> {
    let mut args = command.to_vec();
    if let Some(profile) = profile {
        args.extend(["--profile", profile.as_str()]);
    }
    if let Some(region) = region {
        args.extend(["--region", region.as_str()]);
    }
    args.extend(["--output", "json"]);
    args
}

async fn describe(
    asking: &Asking,
    part: &Part,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(Sighted, Option<Problem>), Problem> {
    let shown = format!("{} {}", name_of(part), CleanText::with_cap(name, 100));
    asking.check(&shown, &[name])?;
    let answer = asking.ask(&args(&["eks", "describe-cluster", "--name", name], part), &shown).await?;
    let cluster = at(&answer, "cluster").ok_or_else(|| asking.bad_output(&shown))?;
    let filter = r#"{"categories":["UPGRADE_READINESS"]}"#;
    let question = args(&["eks", "list-insights", "--cluster-name", name, "--filter", filter], part);
    // Older tools and narrow roles do not have it; the cluster is described all the same.
    let insights = asking.ask(&question, &shown).await;
    let note = insights.as_ref().err().map(|error| Problem {
        severity: Severity::Note,
        ..problem(
            &asking.spec,
            "name",
            "INSIGHTS_NOT_READ",
            error.message.as_str(),
            "Allow eks:ListInsights to see what blocks upgrades.",
        )
    });
    let insights = insights.map(|i| insights_of(&i)).unwrap_or_default();
    let cluster =
        sight(asking, cluster, part, name, insights, now).ok_or_else(|| asking.bad_output(&shown))?;
    Ok((cluster, note))
}

fn insights_of(answer: &Json) -> Vec<ProviderInsight> {
    list(answer, "insights")
        .iter()
        .filter_map(|insight| {
            let status = text(insight, "insightStatus.status")?;
            if !matches!(status, "ERROR" | "WARNING") {
                return None;
            }
            let reason = text(insight, "insightStatus.reason").or_else(|| text(insight, "description"));
            Some(ProviderInsight {
                code: clean(insight, "name").or_else(|| clean(insight, "id")).unwrap_or_default(),
                blocks: status == "ERROR",
                message: CleanText::new(reason.unwrap_or_default()),
            })
        })
        .collect()
}

fn sight(
    asking: &Asking,
    cluster: &Json,
    part: &Part,
    name: &str,
    insights: Vec<ProviderInsight>,
    now: DateTime<Utc>,
) -> Option<Sighted> {
    let arn = text(cluster, "arn")?;
    let mut fields = arn.split(':').skip(3);
    let (region, account) = (fields.next(), fields.next());
    let id = SightingId { source: asking.name.clone(), reference: CleanText::new(arn) };
    let mut sighting = Sighting::new(SourceKind::Eks, id, CleanText::new(name), now);
    sighting.labels = labels(cluster, "tags");
    let mut properties = BTreeMap::new();
    for (key, path) in
        [("platform-version", "platformVersion"), ("support-type", "upgradePolicy.supportType")]
    {
        if let Some(value) = clean(cluster, path) {
            properties.insert(CleanText::new(key), value);
        }
    }
    sighting.properties = Arc::new(properties);
    let (parsed, version_text) = version(cluster, "version");
    sighting.facts = Facts {
        version: parsed,
        version_text,
        provider: Some(CleanText::new("eks")),
        region: region.map(CleanText::new),
        account: account.map(CleanText::new),
        health: health(cluster),
        phase: clean(cluster, "status"),
        insights,
        ..Facts::default()
    };
    let authority = pem(cluster, "certificateAuthority.data");
    // A cluster that is being made has no address yet.
    let server = text(cluster, "endpoint").and_then(|e| locate(&mut sighting, e, authority.as_deref()));
    let way = server.zip(authority.as_deref()).map(|(server, authority)| {
        let mut question = args(&["eks", "get-token", "--cluster-name", name], part);
        if let (None, Some(region)) = (&part.1, region) {
            question.extend(["--region", region]);
        }
        let identity = match &part.0 {
            Some(profile) => format!("aws: profile {profile}"),
            None => "aws: default profile".to_owned(),
        };
        Way::with(asking.plugin(&question), server, authority, &identity)
    });
    Some(sighted(sighting, way))
}

/// ACTIVE says that the cluster is there; issues say what is wrong with it.
fn health(cluster: &Json) -> Option<Health> {
    let status = clean(cluster, "status")?;
    let issue = list(cluster, "health.issues").first();
    let healthy = match (status.as_str(), issue) {
        ("ACTIVE", None) => Truth::Yes,
        ("FAILED", _) | (_, Some(_)) => Truth::No,
        _ => Truth::Unknown,
    };
    let word = issue.and_then(|i| clean(i, "code")).unwrap_or(status);
    let message = issue.and_then(|i| clean(i, "message")).unwrap_or_default();
    Some(Health { healthy, word, message, since: None })
}
