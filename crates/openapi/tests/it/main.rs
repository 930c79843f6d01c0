//! What the document says, and that it is true of samples and of what ingest takes.

mod document;
mod mutations;
mod schemas;
