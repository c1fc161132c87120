//! What the API can do, by theme. A test holds it equal to the routes.

use rollcall_model::{DeadReason, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId, Timestamp};
use rollcall_pipeline::ReplayProgress;
use rollcall_store::{
    AuditRow, DeadLetterState, DeliveryState, GapRow, KeyRow, NodeRow, OutboxRow, OwnerSort,
    PendingOwner, RecalibrationRow, RecalibrationState, SettingsVersion, SinkStanding, StatusRow,
    UserRow,
};
use serde_json::json;

use super::operation::{Content, Kind, Operation, Parameter, query, shape};
use crate::api::{
    bulk, dead_letters, dead_letters_bulk, decisions, events, gaps, keys, node_settings, nodes,
    owners, owners_bulk, partitions, recalibrations, replay, session, settings, streams,
    sub_owners, summary, users,
};

type Operations = Vec<Operation>;

/// Every operation with its theme.
pub(super) fn all() -> Operations {
    let themes = [
        ("Owners", owner_operations()),
        ("Sub-owners and statuses", sub_owner_operations()),
        ("Recalibrations", recalibration_operations()),
        ("Dead letters", letter_operations()),
        ("Partitions and nodes", partition_operations()),
        ("Events", event_operations()),
        ("Access", access_operations()),
        ("Health", health_operations()),
    ];
    let tagged = themes.into_iter().flat_map(|(tag, operations)| {
        operations
            .into_iter()
            .map(move |operation| Operation { tag, ..operation })
    });
    tagged.collect()
}

fn text() -> Kind {
    Kind::Plain(json!({"type": "string"}))
}

fn q() -> Parameter {
    query(
        "q",
        "Part of the id or of the name, without regard to case.",
        text(),
    )
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn owner_operations() -> Operations {
    use Operation as Op;
    let sorts = OwnerSort::ALL.map(OwnerSort::as_str);
    let sort = Kind::Plain(json!({"type": "string", "enum": sorts, "default": sorts[0]}));
    let erase = Kind::Plain(json!({"type": "boolean", "default": false}));
    let decision = |path, summary, about| {
        Op::post(path, summary)
            .about(about)
            .if_match()
            .problem([404, 409])
            .gives::<Owner>(200, "The owner as it is then.")
    };
    vec![
        Op::get("/api/v1/owners", "List owners")
            .query([
                q(),
                query(
                    "state",
                    "Only owners in this state.",
                    Kind::Of(shape::<OwnerState>()),
                ),
                query(
                    "sort",
                    "By what, falling behind `-`. A cursor is of one order.",
                    sort,
                ),
            ])
            .pages::<Owner>(1_000),
        Op::post("/api/v1/owners", "Create an owner")
            .about("By hand an owner is active under every policy.")
            .takes::<owners::NewOwnerBody>()
            .versioned()
            .problem([409])
            .gives::<Owner>(201, "It is created.")
            .gives::<Owner>(200, "It was there already, by hand or by stream."),
        Op::post(
            "/api/v1/owners:bulk",
            "Approve, block, restore, delete or set many owners",
        )
        .about("Works for about five seconds; `next_cursor` tells where to go on.")
        .takes::<owners_bulk::Bulk>()
        .problem([404])
        .gives::<bulk::Done>(200, "What became of them, or would."),
        Op::get(
            "/api/v1/approvals",
            "List pending owners with what is held of them",
        )
        .query([q()])
        .pages::<PendingOwner>(100),
        Op::get("/api/v1/owners/{owner_id}", "Read an owner")
            .versioned()
            .problem([404])
            .gives::<Owner>(
                200,
                "The owner, a deleted one too; its version is the `ETag`.",
            ),
        Op::patch("/api/v1/owners/{owner_id}", "Change name or settings")
            .takes::<owners::OwnerPatchBody>()
            .if_match()
            .problem([404, 409])
            .gives::<Owner>(200, "The owner as it is then."),
        Op::delete(
            "/api/v1/owners/{owner_id}",
            "Delete an owner, and its statuses if so wished",
        )
        .query([query(
            "erase",
            "Whether its statuses are removed too.",
            erase,
        )])
        .if_match()
        .problem([404, 409])
        .gives::<decisions::Deletion>(200, "The owner, deleted."),
        Op::get(
            "/api/v1/owners/{owner_id}/settings/history",
            "List what the settings were, newest first",
        )
        .about("An owner that was never changed has no history.")
        .problem([404])
        .pages::<SettingsVersion>(1_000),
        Op::post(
            "/api/v1/owners/{owner_id}/settings:preview",
            "Show what other settings would make of stored statuses",
        )
        .about("Writes nothing.")
        .viewer()
        .takes::<settings::Proposal>()
        .problem([404])
        .gives::<settings::Preview>(200, "The statuses, each with its value and the preview."),
        decision(
            "/api/v1/owners/{owner_id}/approve",
            "Approve a pending owner",
            "What is held of it is stored in the background.",
        ),
        decision(
            "/api/v1/owners/{owner_id}/block",
            "Block an owner",
            "What it sends is dropped and counted from now on, and what is held of it too.",
        ),
        decision(
            "/api/v1/owners/{owner_id}/restore",
            "Make a blocked or deleted owner active again",
            "",
        ),
    ]
}

fn sub_owner_operations() -> Operations {
    use Operation as Op;
    const LIST: &str = "/api/v1/owners/{owner_id}/sub-owners";
    const ONE: &str = "/api/v1/owners/{owner_id}/sub-owners/{sub_owner_id}";
    let time = || Kind::Of(shape::<Timestamp>());
    let order = Kind::Plain(json!({"type": "string", "enum": ["asc", "desc"], "default": "desc"}));
    vec![
        Op::get(LIST, "List sub-owners by id")
            .problem([404])
            .pages::<SubOwner>(1_000),
        Op::post(LIST, "Create a sub-owner")
            .takes::<sub_owners::NewSubOwnerBody>()
.versioned()
            .problem([404, 409])
            .gives::<SubOwner>(201, "It is created.")
            .gives::<SubOwner>(200, "It was there already."),
        Op::get(ONE, "Read a sub-owner")
            .problem([404])
            .versioned()
.gives::<SubOwner>(200, "The sub-owner; its version is the `ETag`."),
        Op::patch(ONE, "Change a sub-owner's settings, or bring a deleted one back")
            .takes::<sub_owners::SubOwnerPatchBody>()
            .if_match()
            .problem([404, 409])
            .gives::<SubOwner>(200, "The sub-owner as it is then."),
        Op::delete(ONE, "Delete a sub-owner")
            .about("What it sends is dropped as `deleted` from then on; what is stored stays.")
            .if_match()
            .problem([404, 409])
            .gives::<SubOwner>(200, "The sub-owner, deleted."),
        Op::get(
            "/api/v1/owners/{owner_id}/sub-owners/{sub_owner_id}/statuses",
            "List statuses, raw and calibrated",
        )
        .query([
            query("from", "From this status time on.", time()),
            query("to", "Before this status time.", time()),
            query("order", "By status time.", order),
        ])
        .problem([404])
        .pages::<StatusRow>(1_000),
        Op::get("/api/v1/stream", "Follow what happens")
            .about(
                "Server-sent events `status`, `owner`, `summary` and `lagged`. Statuses are those that \
                 any node commits.",
            )
            .query([
                query("owner_id", "Of this owner alone.", Kind::Of(shape::<OwnerId>())),
                query(
                    "sub_owner_id",
                    "Of this sub-owner alone.",
                    Kind::Of(shape::<SubOwnerId>()),
                ),
            ])
            .answers(200, "Events, without end.", Content::Text("text/event-stream")),
    ]
}

fn recalibration_operations() -> Operations {
    use Operation as Op;
    let steer = |path, summary| {
        Op::post(path, summary)
            .problem([404, 409])
            .gives::<RecalibrationRow>(200, "The job as it is then.")
    };
    let owner = query(
        "owner_id",
        "Only of this owner.",
        Kind::Of(shape::<OwnerId>()),
    );
    let state = Kind::Of(shape::<RecalibrationState>());
    vec![
        Op::post(
            "/api/v1/owners/{owner_id}/recalibrations",
            "Give stored statuses the values of the present settings",
        )
        .about("A job in the background; one at a time of an owner.")
        .takes::<recalibrations::Wish>()
        .problem([404, 409])
        .gives::<RecalibrationRow>(201, "The job.")
        .gives::<recalibrations::Counted>(200, "A dry run: what a job would do."),
        Op::get(
            "/api/v1/recalibrations",
            "List recalibrations, newest first",
        )
        .query([owner, query("state", "Only jobs in this state.", state)])
        .pages::<RecalibrationRow>(1_000),
        Op::get("/api/v1/recalibrations/{id}", "Read a recalibration")
            .problem([404])
            .gives::<RecalibrationRow>(200, "The job."),
        steer("/api/v1/recalibrations/{id}/pause", "Pause a recalibration"),
        steer(
            "/api/v1/recalibrations/{id}/resume",
            "Go on with a recalibration",
        ),
        steer(
            "/api/v1/recalibrations/{id}/cancel",
            "Give a recalibration up; what is done stays done",
        ),
    ]
}

fn letter_operations() -> Operations {
    use Operation as Op;
    let partition = Kind::Plain(json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}));
    vec![
        Op::get("/api/v1/dead-letters", "List dead letters by place")
            .query([
                query(
                    "state",
                    "Only letters in this state.",
                    Kind::Of(shape::<DeadLetterState>()),
                ),
                query(
                    "reason",
                    "Only of this reason.",
                    Kind::Of(shape::<DeadReason>()),
                ),
                query("partition_id", "Only of this partition.", partition),
            ])
            .pages::<dead_letters::DeadLetterView>(100),
        Op::get("/api/v1/dead-letters/{id}", "Read a dead letter")
            .problem([404])
            .gives::<dead_letters::DeadLetterView>(200, "The letter with its body."),
        Op::post(
            "/api/v1/dead-letters/{id}/replay",
            "Store a letter at its own place after all",
        )
        .about("Without a body in the request the letter's own is tried again.")
        .may_take::<dead_letters::Mended>()
        .problem([404, 409])
        .gives::<dead_letters::DeadLetterView>(200, "The letter, replayed."),
        Op::post(
            "/api/v1/dead-letters/{id}/discard",
            "Put a letter aside for good",
        )
        .problem([404, 409])
        .gives::<dead_letters::DeadLetterView>(200, "The letter, discarded."),
        Op::post(
            "/api/v1/dead-letters:bulk",
            "Replay or discard many letters",
        )
        .about("Works for about five seconds; `next_cursor` tells where to go on.")
        .takes::<dead_letters_bulk::Bulk>()
        .problem([404])
        .gives::<bulk::Done>(
            200,
            "What became of them; a dry run counts what would be tried.",
        ),
    ]
}

fn partition_operations() -> Operations {
    use Operation as Op;
    let partition = Kind::Plain(json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}));
    vec![
        Op::get("/api/v1/summary", "Read the counts of the whole")
            .gives::<summary::SummaryView>(200, "What is unknown is null."),
        Op::get("/api/v1/partitions", "List the partitions that are read")
            .lists::<partitions::PartitionView>(),
        Op::get(
            "/api/v1/partitions/{partition_id}/replay",
            "Read how the last replay went",
        )
        .problem([404])
        .gives::<ReplayProgress>(200, "Of this node."),
        Op::post(
            "/api/v1/partitions/{partition_id}/replay",
            "Read a range once more",
        )
        .about("What is missing of it is stored, in the background.")
        .takes::<replay::Range>()
        .problem([404, 409])
        .gives::<ReplayProgress>(202, "It has begun."),
        Op::post(
            "/api/v1/partitions/{partition_id}/accept-gap",
            "Accept that events are missing",
        )
        .about("With `source.on_gap = \"stop\"`, reading goes on then.")
        .takes::<gaps::Acceptance>()
        .problem([404, 409])
        .gives::<gaps::Accepted>(200, "Up to this number."),
        Op::get("/api/v1/gaps", "List numbers that the hub did not have")
            .query([query("partition_id", "Only of this partition.", partition)])
            .pages::<GapRow>(1_000),
        Op::get("/api/v1/streams", "List every generation of the hub")
            .lists::<streams::StreamView>(),
        Op::get("/api/v1/nodes", "List nodes by their last sign of life").lists::<NodeRow>(),
        Op::get("/api/v1/shards", "List the owner actors of every node")
            .lists::<nodes::ShardView>(),
    ]
}

fn event_operations() -> Operations {
    use Operation as Op;
    let sink = || query("sink", "At this sink.", text());
    let order = Kind::Plain(json!({"type": "string", "enum": ["asc", "desc"], "default": "asc"}));
    vec![
        Op::get("/api/v1/events", "List announcements")
            .query([
                query(
                    "state",
                    "Only with a delivery in this state.",
                    Kind::Of(shape::<DeliveryState>()),
                ),
                sink(),
                query("order", "By their order in the outbox.", order),
            ])
            .pages::<OutboxRow>(1_000),
        Op::get("/api/v1/events/{id}", "Read an announcement")
            .problem([404])
            .gives::<OutboxRow>(200, "With each sink's delivery."),
        Op::post("/api/v1/events/{id}/resend", "Send an announcement again")
            .query([sink()])
            .problem([404])
            .gives::<OutboxRow>(200, "Its deliveries are due again, under the same id."),
        Op::post("/api/v1/events:bulk", "Send what is parked again")
            .takes::<events::Bulk>()
            .problem([404])
            .gives::<events::Counted>(200, "How many deliveries are due again, or would be."),
        Op::get("/api/v1/sinks", "List sinks and how far each is").lists::<SinkStanding>(),
    ]
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn access_operations() -> Operations {
    use Operation as Op;
    vec![
        Op::get("/api/v1/session", "Read who asks").gives::<session::Session>(200, "The caller."),
        Op::post("/api/v1/session", "Sign in")
            .open()
            .about("The answer has a cookie that scripts cannot read.")
            .takes::<session::SignIn>()
            .problem([401, 403])
            .gives::<session::Session>(200, "Somebody has signed in."),
        Op::delete("/api/v1/session", "Sign out")
            .open()
            .problem([403])
            .answers(
                204,
                "The session, if there was one, has ended.",
                Content::Nothing,
            ),
        Op::get("/api/v1/keys", "List keys, newest first")
            .admin()
            .lists::<KeyRow>(),
        Op::post("/api/v1/keys", "Make a key")
            .admin()
            .takes::<keys::NewKeyBody>()
            .gives::<keys::MadeKey>(201, "With its secret, this once."),
        Op::post("/api/v1/keys/{key_id}/revoke", "Revoke a key")
            .admin()
            .problem([404])
            .gives::<KeyRow>(200, "The key as it is then."),
        Op::get("/api/v1/users", "List users by name")
            .admin()
            .lists::<UserRow>(),
        Op::post("/api/v1/users", "Enter a user")
            .admin()
            .takes::<users::NewUserBody>()
            .problem([409])
            .gives::<UserRow>(201, "The user."),
        Op::patch(
            "/api/v1/users/{user_name}",
            "Change a user's role or password",
        )
        .admin()
        .about("Ends all sessions of the user.")
        .takes::<users::UserPatchBody>()
        .problem([404])
        .gives::<UserRow>(200, "The user as it is then."),
        Op::delete(
            "/api/v1/users/{user_name}",
            "Delete a user with all sessions",
        )
        .admin()
        .problem([404])
        .answers(204, "There is no such user any more.", Content::Nothing),
        Op::get(
            "/api/v1/audit",
            "List changes that somebody asked for, newest first",
        )
        .admin()
        .pages::<AuditRow>(1_000),
        Op::get(
            "/api/v1/settings",
            "List the settings that this node goes by",
        )
        .admin()
        .about("Secrets are hidden.")
        .lists::<node_settings::SettingRow>(),
    ]
}

fn health_operations() -> Operations {
    use Operation as Op;
    vec![
        Op::get("/livez", "Tell whether the process lives")
            .open()
            .answers(200, "It does.", Content::Json(shape::<serde_json::Value>())),
        Op::get("/readyz", "Tell whether the node should get traffic")
            .open()
            .answers(
                200,
                "It should; with warnings.",
                Content::Json(shape::<serde_json::Value>()),
            ),
        Op::get("/metrics", "Read the metrics").open().answers(
            200,
            "OpenMetrics.",
            Content::Text("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ),
        Op::get("/openapi.json", "Read this document")
            .open()
            .answers(
                200,
                "OpenAPI 3.1.",
                Content::Json(shape::<serde_json::Value>()),
            ),
    ]
}
