//! Rebuilds the engine when a migration changes: `sqlx::migrate!` embeds them, which the compiler cannot see.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/sqlite");
    println!("cargo:rerun-if-changed=../../migrations/postgres");
}
