//! How fast SQLite commits, beside what one fsync costs on the same disk in the same run: a figure without the other
//! says nothing. `cargo bench --package groundswell-engine --bench store`.
#![expect(clippy::print_stdout, reason = "what a benchmark makes is text for whoever started it")]

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use groundswell_engine::clock::Stopwatch;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::vault::{SecretsKey, Vault};
use groundswell_engine::store::{
    Accept, After, AttemptRecord, Batch, EndpointId, Idempotency, Outcome, PendingKey, Store, Target,
};
use groundswell_types::{DeliveryId, EventId, EventKind, ProgramId};

const BODY_BYTES: usize = 1024;
const ENDPOINTS: i64 = 100;

/// Each measurement commits about this many events.
const EVENTS: i64 = 60_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // On the disk of the target directory: the temporary directory may be in memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
    println!("one fdatasync of 4 KiB: {:.2} ms", fsync_ms(directory.path()));
    for (name, has_keys, has_outcomes) in [
        ("accepts", false, false),
        ("accepts with idempotency keys", true, false),
        ("accepts and outcomes", false, true),
        ("accepts with keys, and outcomes", true, true),
    ] {
        for batch in [1, 100, 500, 1000] {
            let run = Run { batch, has_keys, has_outcomes };
            let file = directory.path().join(format!("{name}-{batch}.db"));
            let events_per_s = runtime.block_on(run.measure(&file));
            println!("{name}, {batch} per commit: {events_per_s:.0} events/s");
        }
    }
}

fn fsync_ms(directory: &Path) -> f64 {
    const ROUNDS: u32 = 100;
    let mut file = std::fs::File::create(directory.join("fsync")).expect("a file");
    let watch = Stopwatch::start();
    for _ in 0..ROUNDS {
        file.write_all(&[1; 4096]).expect("writes");
        file.sync_data().expect("syncs");
    }
    watch.elapsed().as_secs_f64() * 1000.0 / f64::from(ROUNDS)
}

struct Run {
    batch: i64,
    has_keys: bool,
    /// Each commit carries the outcomes of the events of the one before.
    has_outcomes: bool,
}

impl Run {
    /// Events per second, making the batches not counted.
    async fn measure(&self, file: &Path) -> f64 {
        let store =
            Sqlite::open(file, Options::new(0, Vault::new(&SecretsKey::random()))).await.expect("opens");
        let commits = (EVENTS / self.batch).min(2000);
        let mut seconds = 0.0;
        for number in 0..commits {
            let events = number * self.batch..(number + 1) * self.batch;
            let mut batch =
                Batch { accepts: events.map(|event| self.accept(event)).collect(), ..Batch::default() };
            if self.has_outcomes && number > 0 {
                let before = (number - 1) * self.batch..number * self.batch;
                batch.outcomes = before.map(outcome).collect();
            }
            let watch = Stopwatch::start();
            store.commit(&batch).await.expect("commits");
            seconds += watch.elapsed().as_secs_f64();
        }
        store.close().await;
        f64::from(u32::try_from(commits * self.batch).expect("is small")) / seconds
    }

    fn accept(&self, number: i64) -> Accept {
        let key = |number: i64| Idempotency {
            // Producers' keys are random: each lands on another page.
            key: format!("{:016x}", number.wrapping_mul(0x5851_F42D_4C95_7F2D)),
            content_hash: [7; 32],
            valid_since_ms: 0,
        };
        Accept {
            event_id: event_id(number),
            program_id: ProgramId::parse("a1b2c3d4").expect("is valid"),
            kind: EventKind::NewParticipantAdded,
            occurred_at_ms: at_ms(number),
            accepted_at_ms: at_ms(number),
            expires_at_ms: at_ms(number) + 432_000_000,
            body: Bytes::from(vec![b'x'; BODY_BYTES]),
            targets: vec![Target { endpoint_id: endpoint(number), is_parked: false }],
            idempotency: self.has_keys.then(|| key(number)),
        }
    }
}

fn at_ms(number: i64) -> i64 {
    1_800_000_000_000 + number / 20
}

fn event_id(number: i64) -> EventId {
    EventId::from_number((1 << 58) + number * 1000)
}

fn endpoint(number: i64) -> EndpointId {
    EndpointId((1 << 57) + number % ENDPOINTS)
}

fn outcome(number: i64) -> Outcome {
    let key = PendingKey {
        endpoint_id: endpoint(number),
        due_at_ms: at_ms(number),
        delivery_id: DeliveryId::new(event_id(number), 0),
    };
    let attempt = AttemptRecord {
        delivery_id: key.delivery_id,
        endpoint_id: key.endpoint_id,
        number: 1,
        started_at_ms: at_ms(number) + 3,
        duration_ms: 40,
        failure: None,
        status_code: Some(200),
        message: String::new(),
        response_head:
            "content-type: application/json\ncontent-length: 2\ndate: Mon, 02 Mar 2026 10:00:00 GMT\n\
                        server: nginx\n"
                .to_owned(),
        response_body: Bytes::from_static(b"ok"),
        is_response_truncated: false,
        is_response_restricted: false,
        after: After::Delivered,
    };
    Outcome { attempt, remove: vec![key], insert: None }
}
