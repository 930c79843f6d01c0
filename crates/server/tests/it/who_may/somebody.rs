//! Everybody who can ask the server for something.

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Somebody {
    Nobody,
    /// Signed in, without a key.
    OwnersSession,
    ReadKey,
    EventsKey,
    WebhooksKey,
    AdminKey,
    /// Of the program itself, with the scope `admin`.
    ProgramsKey,
    /// The same of another program of the team.
    OtherProgramsKey,
    /// Of a program of another team, with the scope `admin`.
    ForeignKey,
    /// Of that whole team.
    ForeignTeamsKey,
    /// The admin key of the configuration.
    Operator,
    /// The owner of another team.
    Stranger,
    Viewer,
    Editor,
    Owner,
    /// Who came by an editor link of the program.
    Link,
    /// The same of another program.
    OtherLink,
}

impl Somebody {
    pub const OVER_REST: [Self; 11] = [
        Self::Nobody,
        Self::OwnersSession,
        Self::ReadKey,
        Self::EventsKey,
        Self::WebhooksKey,
        Self::AdminKey,
        Self::ProgramsKey,
        Self::OtherProgramsKey,
        Self::ForeignKey,
        Self::ForeignTeamsKey,
        Self::Operator,
    ];

    pub const IN_BROWSERS: [Self; 7] =
        [Self::Nobody, Self::Operator, Self::Link, Self::Stranger, Self::Viewer, Self::Editor, Self::Owner];

    pub const IN_FRAMES: [Self; 5] = [Self::Nobody, Self::Operator, Self::Owner, Self::Link, Self::OtherLink];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::OwnersSession => "session",
            Self::ReadKey => "read",
            Self::EventsKey => "events",
            Self::WebhooksKey => "webhooks",
            Self::AdminKey => "admin",
            Self::ProgramsKey => "program",
            Self::OtherProgramsKey => "sibling",
            Self::ForeignKey => "foreign",
            Self::ForeignTeamsKey => "foreign team",
            Self::Operator => "operator",
            Self::Stranger => "stranger",
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
            Self::Link => "link",
            Self::OtherLink => "other link",
        }
    }
}
