//! What happens when nothing is disturbed any more.

use crate::world::{Life, Outcome, Status, World};

/// Ticks within which everything must be delivered: a lease runs out, everything is read, and some to spare.
const PATIENCE_TICKS: u32 = 16;

/// Whether everything that was accepted is brought to an end once statements are answered at once, whoever stood still
/// goes on, attempts succeed, and, should no node be left, one starts.
pub fn recovers(world: &World) -> bool {
    if !waits(world) {
        return true;
    }
    let mut world = world.clone();
    world.late.clear();
    world.strays.clear();
    for slot in 0..world.nodes.len() {
        if world.nodes[slot].status == Status::Paused {
            world.nodes[slot].status = Status::Up;
            world.drive(slot);
        }
    }
    for _ in 0..PATIENCE_TICKS {
        if world.nodes.iter().all(|node| node.status == Status::Down) {
            // As many starts as none has made, so that it has a number of its own.
            world.nodes[0].starts_left = 9;
            world.start(0);
        }
        for slot in 0..world.nodes.len() {
            settle(&mut world, slot);
        }
        if !waits(&world) {
            return true;
        }
        world.tick();
        world.after_tick();
    }
    false
}

fn waits(world: &World) -> bool {
    world.deliveries.iter().any(|life| matches!(life, Life::Waiting { .. }))
}

/// A node and the database come to rest within a tick.
fn settle(world: &mut World, slot: usize) {
    loop {
        if let Some(statement) = world.nodes[slot].statement.clone() {
            if statement.answer.is_none() {
                let answer = world.execute(slot, &statement.asked);
                if let Some(statement) = &mut world.nodes[slot].statement {
                    statement.answer = Some(answer);
                }
            }
            world.receive(slot);
        } else if let Some(attempt) = world.nodes[slot].attempts.first().cloned() {
            let heard = attempt
                .unheard
                .unwrap_or_else(|| (Outcome::Success, world.commit(&attempt, Outcome::Success)));
            world.hear(slot, 0, heard);
        } else {
            return;
        }
    }
}
