//! Owners: they add, change, disable, enable and delete webhooks, send again, discard, and test. Here, too, the
//! engine's clock is made to jump.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::programs::NewProgram;
use groundswell_engine::webhooks::{SecretInput, WebhookInput};
use groundswell_engine::{Engine, EngineError};
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{
    Currency, DeliveryState, EventKind, MAX_WEBHOOKS, ProgramId, ProgramType, ResendSelection, Secret,
    SecretOverlap, WebhookHeaders,
};
use rand::Rng;

use crate::ledger::{Shared, Webhook};
use crate::plan::MAX_JUMP_MS;
use crate::trace::Hook;
use crate::world::{OWN_HEADER, World, locked, secret_of, url_of};

/// Makes the programs and their webhooks, as far as they are not there.
pub(crate) async fn set_up(world: &World, engine: &Engine, ledger: &Shared) -> Result<(), EngineError> {
    for (at, hosts) in world.plan.programs.iter().enumerate() {
        if locked(ledger).programs[at].id.is_some() {
            continue;
        }
        let currency = Currency::parse("USD").expect("a currency");
        let program =
            engine.create_program(NewProgram { kind: ProgramType::Referral, name: None, currency }).await?;
        for host in hosts {
            let hook = locked(ledger).next_hook();
            engine.create_webhook(&program.id, input(*host, hook)).await?;
        }
        locked(ledger).programs[at].id = Some(program.id);
    }
    Ok(())
}

fn input(host: usize, hook: Hook) -> WebhookInput {
    let text = secret_of(hook);
    let secret = Secret::parse(&text).expect("a secret");
    let headers = WebhookHeaders::parse([(OWN_HEADER, text.as_str())]);
    WebhookInput {
        payload_url: Some(url_of(host, hook)),
        events: Some(vec![EventKind::NewParticipantAdded]),
        is_enabled: None,
        secret: Some(SecretInput::Set(secret, SecretOverlap::None)),
        timeout: None,
        headers: Some(headers.expect("a header")),
        name: None,
    }
}

/// Changes things until they stop going wrong.
pub(crate) async fn manage(world: &Arc<World>, engine: &Arc<Engine>, ledger: &Shared) {
    while locked(ledger).changes_left > 0 {
        let left_ms = (world.plan.chaos_ms - world.now_ms()).max(1);
        let most_ms = 2 * left_ms / i64::from(locked(ledger).changes_left);
        let gap_ms = world.draw(|rng| match rng.random_range(0..4) {
            0 => rng.random_range(0..1_000),
            _ => rng.random_range(0..=most_ms),
        });
        tokio::time::sleep(Duration::from_millis(gap_ms.unsigned_abs())).await;
        locked(ledger).changes_left -= 1;
        change_something(world, engine, ledger).await;
    }
}

/// Changes one thing.
pub(crate) async fn change_something(world: &World, engine: &Engine, ledger: &Shared) {
    let target = {
        let mut ledger = locked(ledger);
        ledger.look(engine);
        // The program whose waits are measured is left alone.
        let first = usize::from(world.plan.is_fair);
        let program = world.draw(|rng| rng.random_range(first..ledger.programs.len()));
        let program = &ledger.programs[program];
        let hooks = program.hooks.len();
        let hook = (hooks > 0).then(|| program.hooks[world.draw(|rng| rng.random_range(0..hooks))].clone());
        program.id.clone().map(|id| (id, hook, hooks))
    };
    if let Some((program, hook, hooks)) = target {
        // What fails is seen by the next look; what is refused is as it was.
        let _ = change(world, engine, ledger, (&program, hook, hooks)).await;
    }
}

async fn change(
    world: &World,
    engine: &Engine,
    ledger: &Shared,
    (program, hook, hooks): (&ProgramId, Option<Webhook>, usize),
) -> Result<(), EngineError> {
    let (kind, host) =
        world.draw(|rng| (rng.random_range(0..100), rng.random_range(0..world.plan.hosts.len())));
    if world.plan.has_jumps && kind >= 90 {
        world.jump(world.draw(|rng| rng.random_range(-MAX_JUMP_MS..MAX_JUMP_MS)));
        return Ok(());
    }
    let Some(webhook) = hook.filter(|_| kind < 80) else {
        if hooks < MAX_WEBHOOKS {
            let hook = locked(ledger).next_hook();
            engine.create_webhook(program, input(host, hook)).await?;
        }
        return Ok(());
    };
    let Webhook { id, hook } = webhook;
    let row = world.endpoint(hook.number).map(|endpoint| format!("live-{}", endpoint.0)).unwrap_or_default();
    let switch = |is_enabled| WebhookInput { is_enabled: Some(is_enabled), ..WebhookInput::default() };
    match kind {
        0..12 => drop(engine.patch_webhook(program, &id, switch(false)).await?),
        12..30 => drop(engine.patch_webhook(program, &id, switch(true)).await?),
        30..40 => {
            let next = Hook { revision: hook.revision + 1, ..hook };
            engine.patch_webhook(program, &id, input(host, next)).await?;
        }
        40..45 => engine.delete_webhook(program, &id).await?,
        45..55 => _ = engine.release_parked(program, &row).await?,
        55..58 => _ = engine.discard_parked(program, &row).await?,
        58..66 => resend_one(world, engine, program).await?,
        66..72 => {
            let state = world.happens(0.5).then_some(DeliveryState::Undeliverable);
            let selection = ResendSelection { state, ..ResendSelection::default() };
            let job = engine.begin_resends(program, &selection).await?;
            if world.happens(0.2) {
                engine.cancel_resends(program, job.id).await?;
            }
        }
        72..76 => {
            // Off and on at once, so that much is under way meanwhile.
            engine.patch_webhook(program, &id, switch(false)).await?;
            engine.patch_webhook(program, &id, switch(true)).await?;
            engine.release_parked(program, &row).await?;
        }
        _ => drop(engine.test_webhook(program, &id, None).await?),
    }
    Ok(())
}

async fn resend_one(world: &World, engine: &Engine, program: &ProgramId) -> Result<(), EngineError> {
    let page =
        engine.deliveries(program, &DeliveryQuery { limit: Some(100), ..DeliveryQuery::default() }).await?;
    if !page.deliveries.is_empty() {
        let at = world.draw(|rng| rng.random_range(0..page.deliveries.len()));
        engine.resend(program, page.deliveries[at].id).await?;
    }
    Ok(())
}
