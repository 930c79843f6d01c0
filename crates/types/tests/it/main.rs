//! What other services rely on: the JSON shapes, the typed payloads, the validation of what comes in, and that
//! every rendered body is what JavaScript would print.

mod events;
mod javascript;
mod merge;
mod shapes;
mod typed;
mod validation;
