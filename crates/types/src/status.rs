//! The words of System Status. Those that a Statuspage has too are called as it calls them.

use crate::words::words;

words! {
    /// A part of the service whose state is shown.
    Component {
        /// Events are accepted and stored.
        Events = "events",
        /// Deliveries are attempted when they are due.
        Delivery = "delivery",
        /// What failed is tried again in time.
        RetryQueue = "retry_queue",
        /// The Program Editor.
        Editor = "editor",
        /// The REST API.
        Api = "api",
    }
}

words! {
    /// How a component is. In Statuspage's words, best first.
    ComponentStatus {
        /// It works.
        Operational = "operational",
        /// Work is being done on it, as announced.
        UnderMaintenance = "under_maintenance",
        /// It works, but slowly.
        DegradedPerformance = "degraded_performance",
        /// It fails for some.
        PartialOutage = "partial_outage",
        /// It fails.
        MajorOutage = "major_outage",
    }
}

words! {
    /// How much an incident or a maintenance matters. In Statuspage's words, least first.
    Impact {
        /// Nobody notices.
        None = "none",
        /// Some notice.
        Minor = "minor",
        /// Many notice.
        Major = "major",
        /// Nothing goes.
        Critical = "critical",
        /// Announced work.
        Maintenance = "maintenance",
    }
}

words! {
    /// How far an incident has come. In Statuspage's words.
    IncidentStatus {
        /// Its cause is being looked for.
        Investigating = "investigating",
        /// Its cause is known.
        Identified = "identified",
        /// It is mended, and watched.
        Monitoring = "monitoring",
        /// It is over.
        Resolved = "resolved",
    }
}

words! {
    /// How far a maintenance has come. In Statuspage's words.
    MaintenanceStatus {
        /// It is announced.
        Scheduled = "scheduled",
        /// It is under way.
        InProgress = "in_progress",
        /// The work is done, and watched.
        Verifying = "verifying",
        /// It is over.
        Completed = "completed",
    }
}
