//! The words other services share with Groundswell.
//!
//! A producer builds an [`Event`] from these types and posts it; a receiver parses the envelope it got and, with
//! the feature `verify`, checks its signature; a tool that reads the REST API parses the views. Nothing here does
//! I/O, reads a clock or makes random numbers, and it all builds for wasm32. JSON shapes are pinned by snapshots:
//! they are what existing receivers and clients rely on.

mod activity;
mod api_key;
mod audit;
mod change;
mod delivery;
pub mod editor;
mod editor_link;
mod erasure;
mod error;
mod event;
mod filter;
mod headers;
mod health;
mod id;
mod inbox;
mod incident;
pub mod json;
mod name;
mod notice;
mod open_enum;
mod overlap;
pub mod payload;
mod person;
mod problem;
mod program;
mod recipient;
mod rejected;
mod resend;
pub mod sample;
pub mod schema;
pub mod signature;
mod status;
mod team;
mod webhook;
mod words;

pub use activity::{Activity, HourCount};
pub use api_key::{
    API_KEY_PREFIX, ApiKey, CreatedApiKey, InvalidRateLimit, InvalidScope, MAX_API_KEY_NAME_CHARS, NewApiKey,
    RateLimit, Scope, Scopes,
};
pub use audit::{AuditAction, AuditActor, AuditActorKind, AuditEntry, AuditFilter, AuditOutcome};
pub use change::Change;
pub use delivery::{
    AttemptView, DeliveryDetail, DeliveryState, DeliveryView, FailureClass, HeaderView, RequestHead,
    RequestView, ResponseView, TestView,
};
pub use editor_link::{InvalidTheme, MAX_EDITOR_LINK_LABEL_CHARS, Theme};
pub use erasure::{Erasure, ErasureState, Subject, SubjectKind};
pub use error::{ApiError, ErrorCode};
pub use event::{Envelope, Event, EventData, EventKind};
pub use filter::{DeliveryFilter, InvalidStatusRange, MAX_SEARCH_CHARS, StatusRange};
pub use headers::{
    HeaderPlace, HeaderProblem, InvalidHeader, MAX_HEADER_NAME_BYTES, MAX_HEADER_VALUE_BYTES, MAX_HEADERS,
    MAX_HEADERS_BYTES, Reserved, WebhookHeaders,
};
pub use health::{
    ComponentHistory, DayHealth, Downtime, FirstAttempts, HEALTH_DAYS, Health, Waiting, WebhooksByHealth,
};
pub use id::{
    AuditId, DeliveryId, ErasureId, EventId, InboxRequestId, IncidentId, IncidentUpdateId, InvalidId,
    NoticeId, ProgramId, ResendJobId, TeamId, TestId, UserId, WebhookId,
};
pub use inbox::{Inbox, InboxRequest, InboxRequestDetail, SchemeCheck, SignatureCheck};
pub use incident::{
    AffectedComponent, Incident, IncidentChange, IncidentKind, IncidentUpdate, MAX_ANNOUNCED_MS,
    MAX_INCIDENT_MESSAGE_CHARS, MAX_INCIDENT_NAME_CHARS, MAX_INCIDENT_UPDATES, MAX_MAINTENANCE_MS,
    MAX_OPEN_INCIDENTS, NewIncident, NewIncidentUpdate, Progress, Schedule,
};
pub use name::{InvalidName, WebhookName};
pub use notice::{Notice, NoticeKind};
pub use overlap::{InvalidOverlap, SecretOverlap};
pub use person::{Email, InvalidEmail, Role, SessionView, SignInChange};
pub use problem::{MAX_PROBLEMS, Problem, pointer_segment};
pub use program::{Currency, InvalidRetention, Program, ProgramStatus, ProgramType, RetentionDays};
pub use recipient::{MAX_RECIPIENTS, Recipient, RecipientState};
pub use rejected::RejectedEvent;
pub use resend::{MAX_SELECTED, ResendJob, ResendSelection, ResendState};
pub use status::{Component, ComponentStatus, Impact, IncidentStatus, MaintenanceStatus};
pub use team::{
    CreatedInvitation, Invitation, Invited, MAX_TEAM_NAME_CHARS, Member, NewInvitation, NewPerson, Team,
    WayIn,
};
pub use webhook::{
    InvalidSecret, InvalidTimeout, InvalidUrl, MAX_WEBHOOKS, PayloadUrl, RESERVED_PUBLIC_ID, Secret, Webhook,
    WebhookTestResponse, WebhookTestResult, WebhookTimeout,
};
