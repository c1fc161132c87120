//! How each fault is done to the world.

use std::sync::Arc;
use std::time::Duration;

use rollcall_test_servers::Redis;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::schedule::{Fault, Step};
use super::unit::Start;
use super::world::{HubEnd, World};
use crate::harness::link::Weather;
use crate::harness::receiver::Mood;

/// No fault waits longer for progress: another lane's may be what prevents it.
const PATIENCE: Duration = Duration::from_secs(4);
/// Every session of every node.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name LIKE 'rollcall/%' AND datname = current_database()";

/// One after the other, each when so many more events are accounted for.
pub(super) async fn strike_all(world: &Arc<World>, steps: Vec<Step>) {
    for step in steps {
        let mut accounted = world.accounted.subscribe();
        let enough = *accounted.borrow_and_update() + step.after;
        let reached = accounted.wait_for(|accounted| *accounted >= enough);
        timeout(PATIENCE, reached).await.ok();
        world.strikes(step.fault.name()).await;
        strike(world, step.fault).await;
    }
}

async fn strike(world: &Arc<World>, fault: Fault) {
    match fault {
        Fault::KillNode(node) => world.units[node].kill(&world.site, Start::default()).await,
        Fault::FaultyNode(node, points) => {
            world.units[node].kill(&world.site, Start { points }).await;
        }
        Fault::StopNode(node) => world.units[node].stop(&world.site, Start::default()).await,
        Fault::PauseNode(node, time) => {
            world.units[node].pause().await;
            sleep(time).await;
            world.units[node].wake().await;
        }
        Fault::JoinNode(time) => {
            world.guest.kill(&world.site, Start::default()).await;
            sleep(time).await;
            world.guest.leave().await;
        }
        Fault::CutLink(_) | Fault::DelayLink(..) | Fault::HoldLink(..) => {
            strike_link(world, fault).await;
        }
        Fault::ChangeSettings(draw) => world.changes_settings(draw).await,
        Fault::Block(draw) => world.blocks(draw).await,
        Fault::Delete(draw) => world.deletes(draw).await,
        Fault::Readmit => world.readmits().await,
        Fault::CreateByHand(draw) => world.creates(draw).await,
        server => strike_server(world, server).await,
    }
}

async fn strike_link(world: &World, fault: Fault) {
    let (wire, weather, time) = match fault {
        Fault::CutLink(wire) => return world.wire(wire).cut(),
        Fault::DelayLink(wire, delay, time) => (wire, Weather::Delays(delay), time),
        Fault::HoldLink(wire, time) => (wire, Weather::BlackHole, time),
        other => unreachable!("{other:?} is of no link"),
    };
    world.wire(wire).set(weather);
    sleep(time).await;
    world.wire(wire).set(Weather::Passes);
}

async fn strike_server(world: &Arc<World>, fault: Fault) {
    match fault {
        Fault::CrashDatabase(away) => {
            blocking(world, |world| world.postgres.stop_immediate().unwrap()).await;
            sleep(away).await;
            blocking(world, |world| world.postgres.start_again().unwrap()).await;
        }
        Fault::RestartDatabase => {
            blocking(world, |world| world.postgres.restart().unwrap()).await;
        }
        Fault::CutSessions => {
            blocking(world, |world| {
                world.postgres.psql("postgres", CUT).unwrap();
            })
            .await;
        }
        Fault::KillHub(away) => world.without_hub(HubEnd::Killed(away)).await,
        Fault::StopHub => world.without_hub(HubEnd::Stopped).await,
        Fault::KillRedis(away) => {
            blocking(world, |world| both(world, |redis| redis.kill().unwrap())).await;
            sleep(away).await;
            blocking(world, |world| {
                both(world, |redis| redis.start_again().unwrap());
            })
            .await;
        }
        Fault::PauseRedis(time) => {
            both(world, |redis| redis.pause().unwrap());
            sleep(time).await;
            both(world, |redis| redis.resume().unwrap());
        }
        Fault::FlushRedis => {
            blocking(world, |world| {
                world.claims.command(&["FLUSHALL"]).unwrap();
            })
            .await;
        }
        Fault::ReceiverRefuses(time) => receives(world, Mood::Refuses, time).await,
        Fault::ReceiverHangs(time) => receives(world, Mood::Hangs, time).await,
        other => unreachable!("{other:?} is of no server"),
    }
}

async fn receives(world: &World, mood: Mood, time: Duration) {
    world.receiver.set(mood);
    sleep(time).await;
    world.receiver.set(Mood::Takes);
}

fn both(world: &World, act: impl Fn(&Redis)) {
    act(&world.claims);
    act(&world.stream);
}

async fn blocking(world: &Arc<World>, act: impl FnOnce(&World) + Send + 'static) {
    let world = Arc::clone(world);
    spawn_blocking(move || act(&world)).await.unwrap();
}
