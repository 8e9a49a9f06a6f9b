//! What JSON, text and screens say: the wire types and the short words, made from the fleet and a `now`.
//!
//! Pure. A screen may show no fact that is not in these types, and every block has the time at which it was seen.
//! Fields are always present (`null` means not known), enums are closed, times are RFC 3339 in UTC, spans are whole
//! seconds. All text has been through [`CleanText`](crate::fleet::CleanText); no secret gets this far.

mod doctor;
mod events;
#[cfg(test)]
pub(crate) mod fixture;
mod item;
mod schema;
mod status;
mod versions;
mod watch;
mod wire;
pub mod words;

pub use doctor::{
    DoctorReport, Finding, Grade, SourceItem, SourceList, doctor_report, source_items, source_list,
};
pub use events::{EventItem, EventList, EventReading, event_list};
pub use item::{
    AccessBlock, AccessState, AttemptsBlock, CertificateItem, CertificatesBlock, ClassItem, ClusterItem,
    ControlPlaneBlock, KubeletCount, NodesBlock, ReasonItem, SourceLink, VersionBlock, cluster_item,
};
pub use schema::{KINDS, schema, schema_text};
pub use status::{
    Asked, CheckItem, ClassTally, ClusterDetail, ClusterList, ErrorItem, FleetStatus, MinorTally, NodeItem,
    Part, PartState, QueryItem, StateTally, Summary, cluster_detail, cluster_list, errors, fleet_status,
    problems, summary,
};
pub use versions::{
    GroupBy, MatrixCell, MatrixRow, MatrixShape, Metric, MinorItem, VersionItem, VersionMatrix, skew_allowed,
    version_matrix,
};
pub use watch::StatusEvent;
pub use wire::{
    API_VERSION, Cause, PhaseWord, ProblemItem, ProtectionWord, SCHEMA_VERSION, SeverityWord, Stamp,
    StateWord, Text, Tool,
};
