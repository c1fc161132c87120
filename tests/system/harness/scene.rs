//! Several nodes on one PostgreSQL and one hub, and what must hold of them whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_test_servers::{Database, Postgres};

use super::fleet::Node;
use super::running::Running;
use super::site::Site;
use super::truth::Truth;
use super::wait::until;

/// A time to live that no test waits for: whatever happens with it happens without an expiry.
pub(crate) const NEVER: &str = "\"1h\"";
/// Events a second of a fleet that sends while nodes come and go.
const RATE: &str = "400";

/// A partition's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) node: String,
    pub(crate) epoch: i64,
}

pub(crate) type Leases = BTreeMap<i64, Lease>;

/// A database of its own, a hub in a process of its own, and as many nodes as a test starts.
pub(crate) struct Scene<'p> {
    pub(crate) site: Site,
    pub(crate) hub: Running,
    pub(crate) partitions: u32,
    database: Database<'p>,
}

impl Scene<'static> {
    /// On the server that the tests of this process share.
    pub(crate) async fn open(partitions: u32, ttl: &str) -> Self {
        Self::open_on(Postgres::of_this_process(), partitions, ttl).await
    }
}

impl<'p> Scene<'p> {
    /// `ttl` is a TOML literal. A test that stops its server has one of its own.
    pub(crate) async fn open_on(postgres: &'p Postgres, partitions: u32, ttl: &str) -> Self {
        let database = postgres.new_database().unwrap();
        let mut site = Site::shared(partitions, &database.url());
        site.set("leases.ttl", ttl);
        site.set("leases.renew_interval", "\"1s\"");
        let hub = site.start_hub().await;
        Self {
            site,
            hub,
            partitions,
            database,
        }
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        Node::start(&self.site, name, &[]).await
    }

    pub(crate) async fn nodes<const COUNT: usize>(&self, names: [&str; COUNT]) -> [Node; COUNT] {
        let mut nodes = Vec::new();
        for name in names {
            nodes.push(self.node(name).await);
        }
        nodes.try_into().ok().unwrap()
    }

    /// A fleet that sends to every partition until it is told to stop.
    pub(crate) fn fleet(&self) -> Running {
        let fleet = ["simulate", "--owners", "200", "--rate", RATE];
        self.site.spawn("simulate", self.site.command(&fleet))
    }

    /// What psql says to a statement on this scene's database, by its superuser.
    pub(crate) fn psql(&self, statement: &str) -> String {
        self.try_psql(statement).unwrap()
    }

    pub(crate) fn try_psql(&self, statement: &str) -> anyhow::Result<String> {
        self.database.psql(statement)
    }

    /// As [`Self::psql`], where the answer is one number.
    pub(crate) fn number(&self, statement: &str) -> i64 {
        let answer = self.psql(statement);
        let number = answer.parse();
        number.unwrap_or_else(|_| panic!("no number: {answer:?} to {statement}"))
    }

    /// The leases that have not expired.
    pub(crate) async fn leases(&self) -> Leases {
        let sql = "SELECT {integer partition_id}, node, epoch FROM partitions
                   WHERE node IS NOT NULL AND expires_at > clock_timestamp()";
        let rows: Vec<(i64, String, i64)> = self.site.database().rows(sql).await;
        rows.into_iter()
            .map(|(id, node, epoch)| (id, Lease { node, epoch }))
            .collect()
    }

    /// Waits until the nodes read all partitions, none more than one more than another.
    pub(crate) async fn spread(&self, nodes: &[&str]) -> Leases {
        until("the partitions are spread evenly", async || {
            let leases = self.leases().await;
            let counts: Vec<_> = nodes.iter().map(|node| held(&leases, node).len()).collect();
            let (least, most) = (counts.iter().min()?, counts.iter().max()?);
            let all = counts.iter().sum::<usize>() == self.partitions as usize;
            (all && most - least <= 1).then_some(leases)
        })
        .await
    }

    /// Milliseconds by the database's clock.
    pub(crate) async fn now(&self) -> i64 {
        let sql = "SELECT {integer floor(extract(epoch from clock_timestamp()) * 1000) AS now}";
        self.site.database().number(sql).await
    }

    /// Waits until each of the partitions has a commit that is younger than that, by another node.
    pub(crate) async fn committed_since(
        &self,
        partitions: &BTreeSet<i64>,
        since: i64,
        other_than: &str,
    ) {
        let sql = format!(
            "SELECT {{integer partition_id}}, node FROM partitions
             WHERE last_commit_at > to_timestamp({since} / 1000.0) AND node <> '{other_than}'"
        );
        until("others have read the partitions", async || {
            let rows: Vec<(i64, String)> = self.site.database().rows(&sql).await;
            let read: BTreeSet<_> = rows.into_iter().map(|(id, _)| id).collect();
            read.is_superset(partitions).then_some(())
        })
        .await;
    }

    /// Waits until each partition has a commit that is younger than this call.
    pub(crate) async fn progresses(&self) {
        let all = (0..i64::from(self.partitions)).collect();
        self.committed_since(&all, self.now().await, "").await;
    }

    /// Ends the fleet and waits for the end of the log: the tables must be what the log says.
    /// Then ends the nodes and the hub, and gives the log.
    pub(crate) async fn ends(self, fleet: Option<Running>, nodes: Vec<Node>) -> Truth {
        if let Some(fleet) = fleet {
            assert!(fleet.terminate().await.success());
        }
        let truth = self.site.holds_at_the_end().await;
        assert!(truth.len() > 0, "something was sent");
        for node in nodes {
            assert!(node.process.terminate().await.success());
        }
        assert!(self.hub.terminate().await.success());
        truth
    }
}

/// Whose partitions they are.
pub(crate) fn held(leases: &Leases, node: &str) -> BTreeSet<i64> {
    let own = leases.iter().filter(|(_, lease)| lease.node == node);
    own.map(|(id, _)| *id).collect()
}
