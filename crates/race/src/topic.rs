//! The topic that announcements go to: a receiver of HTTP posts that records every one of them.
//!
//! It outlives the consumers, so what it has received counts, whoever was killed meanwhile.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::web::{Bytes, Data, Path, PayloadConfig, post};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Announcements are small.
const MAX_BODY: usize = 256 * 1024;

/// What is read of an announcement, a structured `CloudEvent`.
#[derive(Serialize, Deserialize)]
struct Announcement<'a> {
    specversion: &'a str,
    r#type: &'a str,
    source: &'a str,
    id: &'a str,
    subject: &'a str,
}

pub(crate) const CREATED: &str = "rollcall.owner.created";
const SUB_OWNER_CREATED: &str = "rollcall.sub_owner.created";

/// How often each id arrived, by the owner that it announces.
pub(crate) type Receipt = BTreeMap<String, BTreeMap<String, u64>>;

/// By the name of the way that sent.
type Receipts = Arc<Mutex<BTreeMap<String, Receipt>>>;

pub(crate) struct Topic {
    address: SocketAddr,
    receipts: Receipts,
    handle: ServerHandle,
}

impl Topic {
    pub(crate) fn start() -> Result<Self> {
        let receipts = Receipts::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port for the topic")?;
        let address = listener.local_addr()?;
        let data = Data::new(Arc::clone(&receipts));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(PayloadConfig::new(MAX_BODY))
                .route("/{way}", post().to(receive))
        });
        let server = server.workers(1).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            address,
            receipts,
            handle,
        })
    }

    pub(crate) fn url(&self, way: &str) -> String {
        format!("http://{}/{way}", self.address)
    }

    pub(crate) fn receipt(&self, way: &str) -> Receipt {
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        receipts.get(way).cloned().unwrap_or_default()
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn receive(way: Path<String>, body: Bytes, receipts: Data<Receipts>) -> HttpResponse {
    let Ok(announcement) = serde_json::from_slice::<Announcement<'_>>(&body) else {
        return HttpResponse::BadRequest().body("not a structured CloudEvent with a subject");
    };
    if announcement.r#type == CREATED {
        let mut receipts = receipts.lock().unwrap_or_else(PoisonError::into_inner);
        let by_owner = receipts.entry(way.into_inner()).or_default();
        let by_id = by_owner.entry(announcement.subject.to_owned()).or_default();
        *by_id.entry(announcement.id.to_owned()).or_default() += 1;
    }
    HttpResponse::NoContent().finish()
}

/// A sender's side of it.
#[derive(Debug, Clone)]
pub enum Publisher {
    Topic {
        client: reqwest::Client,
        url: String,
    },
    /// Announcements cost nothing and go nowhere: for measuring the rest.
    Nowhere,
}

impl Publisher {
    pub(crate) fn to(url: String) -> Result<Self> {
        // The topic is on this machine, whatever proxies its environment names.
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self::Topic { client, url })
    }

    /// Sends and waits for the acknowledgement. The subject is an owner, or `{owner}/{sub-owner}`.
    pub(crate) async fn send(&self, id: Uuid, subject: &str) -> Result<()> {
        let Self::Topic { client, url } = self else {
            return Ok(());
        };
        let id = id.to_string();
        let announcement = Announcement {
            specversion: "1.0",
            r#type: match subject.contains('/') {
                true => SUB_OWNER_CREATED,
                false => CREATED,
            },
            source: "/race",
            id: &id,
            subject,
        };
        let body = serde_json::to_vec(&announcement)?;
        let answer = client.post(url).body(body).send().await?;
        answer.error_for_status()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_arrival_is_counted_by_way_owner_and_id() {
        let topic = Topic::start().unwrap();
        let publisher = Publisher::to(topic.url("one")).unwrap();
        let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
        for id in [a, a, b] {
            publisher.send(id, "owner-1").await.unwrap();
        }
        let receipt = topic.receipt("one");
        let of_owner = &receipt["owner-1"];
        assert_eq!(of_owner[&a.to_string()], 2);
        assert_eq!(of_owner[&b.to_string()], 1);
        assert_eq!(topic.receipt("two"), Receipt::new());
        topic.stop().await;
    }
}
