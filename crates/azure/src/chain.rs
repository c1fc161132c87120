//! The chain: which step gives the tokens.
//!
//! A step that the variables name is the operator's word. It is used even if it fails, and what
//! stands behind it is not tried: a wrong secret must not turn into somebody else's identity. Only
//! the last two steps show what they are worth when they are asked. Whoever gave the first token
//! gives all others, until the process ends.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Step;
use crate::step::{Made, Maker};

/// How long a step may take that was only guessed. Off Azure nobody answers a managed identity's
/// request at all, and both guesses together must stay below a client's usual 10 s.
const GUESS: Duration = Duration::from_secs(4);
/// How long a step may take that was named: its reason is told before the client's own deadline.
const NAMED: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub(crate) struct Chain {
    /// The one step that the settings name.
    only: Option<Step>,
    maker: Maker,
    /// The step that gave the first token. Held while it is looked for: the others wait.
    winner: Mutex<Option<Arc<dyn TokenCredential>>>,
}

impl Chain {
    pub(crate) fn new(only: Option<Step>, maker: Maker) -> Self {
        Self {
            only,
            maker,
            winner: Mutex::default(),
        }
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        let only = self.only;
        Step::ALL
            .into_iter()
            .filter(move |step| only.is_none_or(|only| only == *step))
    }

    /// Tries the steps until one gives a token.
    async fn search(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<(Arc<dyn TokenCredential>, AccessToken)> {
        let mut reasons = Vec::new();
        for step in self.steps() {
            let (credential, limit) = match self.maker.make(step) {
                Made::Named(credential) => (credential, NAMED),
                Made::Guessed(credential) if self.only.is_some() => (credential, NAMED),
                Made::Guessed(credential) => (credential, GUESS),
                Made::Unset(reason) => {
                    reasons.push(format!("{step}: not tried, {reason}"));
                    continue;
                }
                Made::Unusable(reason) => {
                    reasons.push(format!("{step}: {reason}"));
                    break;
                }
            };
            match ask(&credential, limit, scopes, options.clone()).await {
                Ok(token) => {
                    tracing::info!(credential = step.as_str(), "signed in to Azure by {step}");
                    return Ok((credential, token));
                }
                Err(reason) => reasons.push(format!("{step}: {reason}")),
            }
            if limit == NAMED {
                break;
            }
        }
        Err(nobody(&reasons))
    }
}

async fn ask(
    credential: &Arc<dyn TokenCredential>,
    limit: Duration,
    scopes: &[&str],
    options: Option<TokenRequestOptions<'_>>,
) -> Result<AccessToken, String> {
    match timeout(limit, credential.get_token(scopes, options)).await {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => Err(one_line(&error.to_string())),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

/// The official crate writes several lines, and ends them with a link to its guide.
fn one_line(text: &str) -> String {
    let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
    let lines: Vec<_> = text.split_whitespace().collect();
    lines.join(" ").trim_end_matches('.').to_owned()
}

fn nobody(reasons: &[String]) -> azure_core::Error {
    let text = format!(
        "cannot sign in to Azure ({}); set what the step that you mean needs, and name it by \
         `credential`",
        reasons.join("; ")
    );
    azure_core::Error::with_message(ErrorKind::Credential, text)
}

#[async_trait::async_trait]
impl TokenCredential for Chain {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut winner = self.winner.lock().await;
        if let Some(credential) = winner.clone() {
            drop(winner);
            return credential.get_token(scopes, options).await;
        }
        let (credential, token) = self.search(scopes, options).await?;
        *winner = Some(credential);
        Ok(token)
    }
}
