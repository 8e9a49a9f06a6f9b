//! The published JSON Schemas (draft 2020-12) of the documents.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::{
    CheckReport, ClassExplain, ClassList, ClusterDetail, ClusterList, DecisionList, DoctorReport, EventList,
    FleetStatus, MergeReview, OutlookList, SourceList, SourceScan, StatusEvent, VersionMatrix,
};

/// The kinds of documents, in the order of the reference.
pub const KINDS: [&str; 15] = [
    "FleetStatus",
    "ClusterList",
    "ClusterDetail",
    "VersionMatrix",
    "EventList",
    "SourceList",
    "DoctorReport",
    "CheckReport",
    "ClassList",
    "ClassExplain",
    "MergeReview",
    "OutlookList",
    "DecisionList",
    "SourceScan",
    "StatusEvent",
];

/// The schema of `kind`, upper or lower case; `None` for an unknown kind.
pub fn schema(kind: &str) -> Option<Schema> {
    let known = KINDS.iter().find(|k| k.eq_ignore_ascii_case(kind))?;
    Some(match *known {
        "FleetStatus" => of::<FleetStatus>(known),
        "ClusterList" => of::<ClusterList>(known),
        "ClusterDetail" => of::<ClusterDetail>(known),
        "VersionMatrix" => of::<VersionMatrix>(known),
        "EventList" => of::<EventList>(known),
        "SourceList" => of::<SourceList>(known),
        "DoctorReport" => of::<DoctorReport>(known),
        "CheckReport" => of::<CheckReport>(known),
        "ClassList" => of::<ClassList>(known),
        "ClassExplain" => of::<ClassExplain>(known),
        "MergeReview" => of::<MergeReview>(known),
        "OutlookList" => of::<OutlookList>(known),
        "DecisionList" => of::<DecisionList>(known),
        "SourceScan" => of::<SourceScan>(known),
        _ => of::<StatusEvent>(known),
    })
}

fn of<T: JsonSchema>(kind: &str) -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("https://fleetglass.dev/v1alpha1/{kind}.json").into());
    schema
}

/// The schema as it is published: indented, with a line break at the end.
pub fn schema_text(kind: &str) -> Option<String> {
    let mut text = serde_json::to_string_pretty(&schema(kind)?).ok()?;
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_valid_by_their_schemas() {
        use crate::report::{self, Asked, GroupBy, MatrixShape, Metric, fixture};
        let fleet = fixture::declared();
        let (rows, now, tool) = (&fleet.clusters, fixture::now(), fixture::TOOL);
        let shape = MatrixShape { metric: Metric::ControlPlane, by: GroupBy::Provider };
        let documents = [
            serde_json::to_value(report::fleet_status(&fleet, rows, Asked::default(), now, tool)).unwrap(),
            serde_json::to_value(report::cluster_list(&fleet, rows, Asked::default(), now, tool)).unwrap(),
            serde_json::to_value(report::cluster_detail(&rows[0], None, now, tool)).unwrap(),
            serde_json::to_value(report::version_matrix(&fleet, rows, Asked::default(), shape, now, tool))
                .unwrap(),
            serde_json::to_value(report::event_list(&fleet, rows, Asked::default(), &[], None, now, tool))
                .unwrap(),
            serde_json::to_value(report::source_list(&fleet, now, tool)).unwrap(),
            serde_json::to_value(report::doctor_report(&fleet, Vec::new(), now, tool)).unwrap(),
            serde_json::to_value(report::check_report(&fleet, rows, Asked::default(), now, tool)).unwrap(),
            serde_json::to_value(report::class_list(&fleet, now, tool)).unwrap(),
            serde_json::to_value(report::class_explain(&fleet, &rows[2], &fixture::decisions(), now, tool))
                .unwrap(),
            serde_json::to_value(report::merge_review(&fleet, now, tool)).unwrap(),
            serde_json::to_value(report::outlook_list(&fleet, rows, Asked::default(), false, now, tool))
                .unwrap(),
            serde_json::to_value(report::decision_list(&fixture::decisions(), &fleet, now, tool)).unwrap(),
            serde_json::to_value(report::source_scan(Vec::new(), Vec::new(), Vec::new(), now, tool)).unwrap(),
        ];
        for (kind, document) in KINDS.into_iter().zip(documents) {
            assert_eq!(document["kind"], kind);
            let schema = schema(kind).unwrap().to_value();
            let validator = jsonschema::options().build(&schema).unwrap();
            let faults: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{kind}: {faults:?}");
            let mut cut = document.clone();
            cut.as_object_mut().unwrap().remove("generatedAt");
            assert!(!validator.is_valid(&cut), "{kind}: a missing field must be noticed");
        }
    }

    #[test]
    fn every_field_is_required_and_kinds_are_found_in_any_case() {
        let schema = schema("fleetstatus").unwrap();
        let required = schema.get("required").unwrap().as_array().unwrap().len();
        let properties = schema.get("properties").unwrap().as_object().unwrap().len();
        assert_eq!(required, properties);
        assert!(super::schema("Pod").is_none());
    }
}
