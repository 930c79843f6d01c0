//! Icons, inlined, so that they take the text's colour. Always beside a word or in something with a label.

use leptos::prelude::*;

/// Which icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    ChevronDown,
    ChevronUp,
    ChevronRight,
    ChevronLeft,
    Close,
    Copy,
    Done,
    More,
    Plus,
    Warning,
    Webhook,
    List,
}

impl Shape {
    const fn path(self) -> &'static str {
        match self {
            Self::ChevronDown => "M4 6.5 8 10.5l4-4",
            Self::ChevronUp => "M4 9.5 8 5.5l4 4",
            Self::ChevronRight => "M6.5 4l4 4-4 4",
            Self::ChevronLeft => "M9.5 4l-4 4 4 4",
            Self::Close => "M4 4l8 8M12 4l-8 8",
            Self::Copy => {
                "M5.5 5.5V3.5a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z"
            }
            Self::Done => "M3 8.5l3.5 3.5L13 4.5",
            Self::More => {
                "M3 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M7.5 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0M12 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0"
            }
            Self::Plus => "M8 3v10M3 8h10",
            Self::Warning => "M8 2.5l6 11H2zM8 6.5v3.2M8 11.7h.01",
            Self::Webhook => {
                "M5.7 6.3a2.8 2.8 0 1 1 4.5-.6L8 9.5M7 12.2a2.8 2.8 0 1 1-3.6-3M10.5 12h-4M10 9.1a2.8 2.8 0 1 1-.6 4.3"
            }
            Self::List => "M2.5 4h.01M5.5 4h8M2.5 8h.01M5.5 8h8M2.5 12h.01M5.5 12h8",
        }
    }
}

/// An icon.
#[component]
pub fn Icon(shape: Shape) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=shape.path()/>
        </svg>
    }
}
