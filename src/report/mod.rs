//! What JSON, text and screens say: the wire types and the short words, made from the fleet and a `now`.
//!
//! Pure. A screen may show no fact that is not in these types, and every block has the time at which it was seen.
//! Fields are always present (`null` means not known), enums are closed, times are RFC 3339 in UTC, spans are whole
//! seconds. All text has been through [`CleanText`](crate::fleet::CleanText); no secret gets this far.

mod belongs;
mod breach;
mod classes;
mod decisions;
mod doctor;
mod events;
#[cfg(test)]
pub(crate) mod fixture;
mod identity;
mod item;
mod merge;
mod outlook;
mod said;
mod sarif;
mod scan;
mod schema;
mod status;
mod versions;
mod watch;
mod wire;
pub mod words;

pub use belongs::{ClassItem, ContactItem, LinksItem, ParameterItem, PendingItem, owner, tenants};
pub use breach::{
    CheckReport, CheckSummary, CodeTally, FindingItem, NameTally, UnknownItem, WeightTally, check_report,
    finding_item,
};
pub use classes::{
    ClassExplain, ClassList, ClassRulesItem, FreezeItem, TermItem, TrialItem, WindowItem, class_explain,
    class_list,
};
pub use decisions::{DecisionItem, DecisionList, DecisionWord, decision_list, is_identity_of};
pub use doctor::{
    DoctorReport, Finding, Grade, SourceItem, SourceList, SyncWord, doctor_report, source_items, source_list,
};
pub use events::{EventItem, EventList, EventReading, event_list};
pub use identity::{ConflictItem, IdentityBlock, MergeItem, PathItem, ProvenanceItem, SaidItem};
pub use item::{
    AccessBlock, AccessState, AttemptsBlock, CertificateItem, CertificatesBlock, ClusterItem,
    ControlPlaneBlock, KubeletCount, NodesBlock, ReasonItem, SourceLink, VersionBlock, cluster_item,
};
pub use merge::{ApartItem, MergeReview, UnitedItem, merge_review};
pub use outlook::{
    BlockerItem, BlockerTally, EffectWord, OutlookItem, OutlookList, OutlookRow, OutlookSummary, OwnerTally,
    outlook_item, outlook_list,
};
pub use said::{CertificateEndItem, HealthItem, InsightItem, RegistryBlock};
pub use sarif::{Sarif, sarif};
pub use scan::{ProgramItem, ScanError, ScanItem, SourceScan, hub_kinds, source_scan};
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
    API_VERSION, Cause, PhaseWord, Place, ProblemItem, ProtectionWord, SCHEMA_VERSION, SeverityWord, Stamp,
    StateWord, Text, Tool, TruthWord, WeightWord,
};
