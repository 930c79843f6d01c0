//! Errors as the REST API shows them.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// What went wrong, for programs to decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// 400: the input is wrong; `errors` names every problem.
    BadRequest,
    /// 401: no key, or not a valid one.
    Unauthorized,
    /// 403: the key or user may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 408: the body did not arrive in time; it can be sent again.
    RequestTimeout,
    /// 409: the idempotency key was used with other content.
    IdempotencyConflict,
    /// 409: somebody else changed it meanwhile.
    Conflict,
    /// 413: the body is too large.
    PayloadTooLarge,
    /// 415: the content type is not one that is read here.
    UnsupportedMediaType,
    /// 422: the event does not fit the program's type or status.
    EventNotAccepted,
    /// 422: a program has five webhooks at most.
    WebhookLimit,
    /// 429: too many requests.
    RateLimit,
    /// 501: a part of the hosted product that this server does not have.
    NotImplemented,
    /// 503: more is queued than can be taken; try again later.
    Overloaded,
    /// 504: of several servers the one that does this stopped answering; whether it was done is to be looked up.
    OutcomeUnknown,
    /// 507: the disk is full.
    StorageFull,
    /// 500: our fault.
    Internal,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::IdempotencyConflict,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::EventNotAccepted,
        Self::WebhookLimit,
        Self::RateLimit,
        Self::NotImplemented,
        Self::Overloaded,
        Self::OutcomeUnknown,
        Self::StorageFull,
        Self::Internal,
    ];

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::IdempotencyConflict | Self::Conflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::EventNotAccepted | Self::WebhookLimit => 422,
            Self::RateLimit => 429,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Overloaded => 503,
            Self::OutcomeUnknown => 504,
            Self::StorageFull => 507,
        }
    }

    /// A name for the `name` member, as the hosted product has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequestError",
            Self::Unauthorized => "AuthenticationError",
            Self::Forbidden => "PermissionDeniedError",
            Self::NotFound => "NotFoundError",
            Self::MethodNotAllowed => "MethodNotAllowedError",
            Self::RequestTimeout => "RequestTimeoutError",
            Self::IdempotencyConflict | Self::Conflict => "ConflictError",
            Self::PayloadTooLarge => "PayloadTooLargeError",
            Self::UnsupportedMediaType => "UnsupportedMediaTypeError",
            Self::EventNotAccepted | Self::WebhookLimit => "UnprocessableEntityError",
            Self::RateLimit => "RateLimitError",
            Self::Internal => "InternalServerError",
            Self::NotImplemented => "NotImplementedError",
            Self::Overloaded => "ServiceUnavailableError",
            Self::OutcomeUnknown => "GatewayTimeoutError",
            Self::StorageFull => "InsufficientStorageError",
        }
    }
}

impl AsRef<Self> for ApiError {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// The kind of error in words, for example `NotFoundError`.
    pub name: String,
    /// The kind of error for programs.
    pub code: ErrorCode,
    /// What happened and what to do, for people.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// When, in Unix milliseconds.
    pub timestamp: i64,
    /// Where to read more.
    pub support_url: String,
    /// Names the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Everything wrong with the input, each with its JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}
