//! Whether a credential counts, and how often its holder asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use rollcall_store::{KeyStanding, SecretHash, Store};
use tokio::sync::Semaphore;

use super::caller::Principal;
use super::credential::{Credential, Kind};
use super::limiter::Limiter;
use crate::config::Auth;
use crate::{Config, Problem};

/// For so long, what the store said of a credential is believed. With the second between two looks of
/// a live stream it stays below the two seconds that are promised.
pub(crate) const KEPT: Duration = Duration::from_millis(500);
/// Standings that are kept before the old ones are thrown away.
const MAX_KEPT: usize = 10_000;
/// Of one address with a credential that does not count, or none: far more than somebody needs who
/// errs, and far less than a look-up each would cost the store much.
const STRANGERS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
const STRANGERS_INTERVAL: Duration = Duration::from_millis(20);
/// Tries of one address to sign in.
const SIGN_INS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const SIGN_INS_INTERVAL: Duration = Duration::from_secs(2);
/// Passwords that are compared at a time: each takes 19 MiB and a core.
const COMPARISONS: usize = 2;

/// What the store said of a credential.
#[derive(Debug, Clone)]
enum Standing {
    Counts(Principal),
    Refused(Refusal),
}

/// Why a credential does not count; with the key's name.
#[derive(Debug, Clone)]
enum Refusal {
    Unknown,
    Expired(String),
    Revoked(String),
    SignedOut,
}

impl Refusal {
    fn problem(&self) -> Problem {
        let detail = match self {
            Self::Unknown => "this key is not known; show one as Authorization: Bearer KEY \
                            (rollcall keys create makes one)"
                .to_owned(),
            Self::Expired(name) => {
                format!("the key {name:?} has expired; ask an admin for a new one")
            }
            Self::Revoked(name) => {
                format!("the key {name:?} is revoked; ask an admin for a new one")
            }
            Self::SignedOut => "the session has ended; sign in again".to_owned(),
        };
        Problem::unauthorized(detail)
    }
}

/// The gate of a node, which all its workers share.
pub(crate) struct Gate {
    auth: Auth,
    store: Store,
    standings: Mutex<HashMap<(Kind, SecretHash), (Instant, Standing)>>,
    callers: Limiter<String>,
    strangers: Limiter<IpAddr>,
    sign_ins: Limiter<IpAddr>,
    pub(crate) comparisons: Semaphore,
}

impl Gate {
    pub(crate) fn new(config: &Config, store: Store) -> Self {
        let rate = config.requests_per_second;
        Self {
            auth: config.auth,
            store,
            standings: Mutex::default(),
            callers: Limiter::new(
                rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)),
                Duration::from_secs(1) / rate.get(),
            ),
            strangers: Limiter::new(STRANGERS_BURST, STRANGERS_INTERVAL),
            sign_ins: Limiter::new(SIGN_INS_BURST, SIGN_INS_INTERVAL),
            comparisons: Semaphore::new(COMPARISONS),
        }
    }

    pub(crate) fn auth(&self) -> Auth {
        self.auth
    }

    /// Whoever sends this request.
    ///
    /// # Errors
    /// 401, if nobody's credential counts; 429, if they ask too often; 503 while the store is away.
    pub(crate) async fn admit(&self, request: &HttpRequest) -> Result<Principal, Problem> {
        if self.auth == Auth::Off {
            return Ok(Principal::anybody());
        }
        let Some(credential) = Credential::of(request) else {
            self.strangers.pass(&address(request))?;
            return Err(Problem::unauthorized(
                "show a key as Authorization: Bearer KEY (rollcall keys create makes one), \
                 or sign in to the console",
            ));
        };
        // Before the store is asked: what nobody has seen counting yet may be made up.
        if !self.counted(&credential) {
            self.strangers.pass(&address(request))?;
        }
        match self.standing(&credential).await? {
            Standing::Counts(principal) => {
                self.callers.pass(&principal.name)?;
                Ok(principal)
            }
            Standing::Refused(refusal) => Err(refusal.problem()),
        }
    }

    /// Returns when the credential of a request that was let in counts no more. An outage of the
    /// store ends nothing.
    pub(crate) async fn ended(&self, request: &HttpRequest) {
        const LOOK_INTERVAL: Duration = Duration::from_secs(1);
        let credential = Credential::of(request);
        let Some(credential) = credential.filter(|_| self.auth == Auth::On) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if let Ok(Standing::Refused(_)) = self.looked_up(&credential).await {
                return;
            }
        }
    }

    /// # Errors
    /// 429, if this address asks too often without a credential that counts.
    pub(crate) fn may_ask_unknown(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.strangers.pass(&address(request))
    }

    /// # Errors
    /// 429, if this address tries too often.
    pub(crate) fn may_sign_in(&self, request: &HttpRequest) -> Result<(), Problem> {
        self.sign_ins.pass(&address(request))
    }

    /// What is kept of a credential, or what the store says.
    async fn standing(&self, credential: &Credential) -> Result<Standing, Problem> {
        match self.kept(credential) {
            Some(standing) => Ok(standing),
            None => self.looked_up(credential).await,
        }
    }

    fn kept(&self, credential: &Credential) -> Option<Standing> {
        let (at, standing) = self.last(credential)?;
        (at.elapsed() < KEPT).then_some(standing)
    }

    /// Whether it counted when the store was last asked, however long ago.
    fn counted(&self, credential: &Credential) -> bool {
        matches!(self.last(credential), Some((_, Standing::Counts(_))))
    }

    fn last(&self, credential: &Credential) -> Option<(Instant, Standing)> {
        let key = (credential.kind, credential.secret.hash());
        let standings = self
            .standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        standings.get(&key).cloned()
    }

    async fn looked_up(&self, credential: &Credential) -> Result<Standing, Problem> {
        let hash = credential.secret.hash();
        let asked = Instant::now();
        let standing = match credential.kind {
            Kind::Key => of_key(self.store.key_by_secret(hash).await?),
            Kind::Session => match self.store.session_user(hash).await? {
                Some(user) => Standing::Counts(Principal {
                    name: format!("user:{}", user.user_name),
                    role: user.role,
                }),
                None => Standing::Refused(Refusal::SignedOut),
            },
        };
        let mut standings = self
            .standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if standings.len() >= MAX_KEPT {
            standings.retain(|_, (at, _)| at.elapsed() < KEPT);
        }
        if standings.len() < MAX_KEPT {
            standings.insert((credential.kind, hash), (asked, standing.clone()));
        }
        Ok(standing)
    }
}

fn of_key(standing: KeyStanding) -> Standing {
    match standing {
        KeyStanding::Valid(key) => Standing::Counts(Principal {
            name: format!("key:{}", key.name),
            role: key.role,
        }),
        KeyStanding::Expired(key) => Standing::Refused(Refusal::Expired(key.name)),
        KeyStanding::Revoked(key) => Standing::Refused(Refusal::Revoked(key.name)),
        KeyStanding::Unknown => Standing::Refused(Refusal::Unknown),
    }
}

/// Behind a proxy it is the proxy's: what it says of others is not to be relied on.
fn address(request: &HttpRequest) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    request.peer_addr().map_or(unknown, |address| address.ip())
}
