//! From the variables to the credential of one step.

use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use rollcall_model::Clock;

use crate::certificate::Assertion;
use crate::config::{Step, Variables};

/// Entra's public cloud.
const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com";

/// Makes credentials.
pub(crate) struct Maker {
    pub(crate) variables: Variables,
    pub(crate) clock: Arc<dyn Clock>,
    /// What carries the requests; `None` is the client's own.
    pub(crate) transport: Option<Transport>,
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker").finish_non_exhaustive()
    }
}

/// What came of it.
pub(crate) enum Made {
    /// The variables name this step.
    Named(Arc<dyn TokenCredential>),
    /// Whether it works shows only when it is asked.
    Guessed(Arc<dyn TokenCredential>),
    /// A variable that it needs is not set.
    Unset(String),
    /// The variables name this step, but it cannot work.
    Unusable(String),
}

/// The identity that the first three steps share.
struct Application {
    tenant_id: String,
    client_id: String,
}

impl Maker {
    pub(crate) fn make(&self, step: Step) -> Made {
        let made = match step {
            Step::ClientSecret => self.client_secret(),
            Step::ClientCertificate => self.client_certificate(),
            Step::WorkloadIdentity => self.workload_identity(),
            Step::ManagedIdentity => self.managed_identity(),
            Step::DeveloperTools => developer_tools(),
        };
        made.unwrap_or_else(|made| made)
    }

    fn client_secret(&self) -> Result<Made, Made> {
        let secret = set(&self.variables.client_secret, "AZURE_CLIENT_SECRET")?;
        let Application {
            tenant_id,
            client_id,
        } = self.application()?;
        let options = ClientSecretCredentialOptions {
            client_options: self.client_options(),
        };
        let made = ClientSecretCredential::new(&tenant_id, client_id, secret, Some(options));
        made.map(|credential| Made::Named(credential))
            .map_err(unusable)
    }

    /// Not the official one, which needs OpenSSL: an assertion that is signed here.
    fn client_certificate(&self) -> Result<Made, Made> {
        const NAME: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
        let path = set(&self.variables.client_certificate_path, NAME)?;
        let Application {
            tenant_id,
            client_id,
        } = self.application()?;
        if self.variables.has_certificate_password {
            return Err(Made::Unusable(
                "a certificate under AZURE_CLIENT_CERTIFICATE_PASSWORD cannot be read; write its \
                 certificate and its key without a password into one PEM file, and unset the variable"
                    .to_owned(),
            ));
        }
        let audience = format!("{}/{tenant_id}/oauth2/v2.0/token", self.authority());
        let clock = Arc::clone(&self.clock);
        let assertion = Assertion::read(&path, audience, client_id.clone(), clock)
            .map_err(|error| Made::Unusable(error.to_string()))?;
        let options = self.assertion_options();
        let made = ClientAssertionCredential::new(tenant_id, client_id, assertion, Some(options));
        made.map(|credential| Made::Named(credential))
            .map_err(unusable)
    }

    fn workload_identity(&self) -> Result<Made, Made> {
        let file = set(
            &self.variables.federated_token_file,
            "AZURE_FEDERATED_TOKEN_FILE",
        )?;
        let Application {
            tenant_id,
            client_id,
        } = self.application()?;
        let options = WorkloadIdentityCredentialOptions {
            credential_options: self.assertion_options(),
            client_id: Some(client_id),
            tenant_id: Some(tenant_id),
            token_file_path: Some(file),
            ..WorkloadIdentityCredentialOptions::default()
        };
        let made = WorkloadIdentityCredential::new(Some(options));
        made.map(|credential| Made::Named(credential))
            .map_err(unusable)
    }

    /// The machine's own identity, or the one that `AZURE_CLIENT_ID` names.
    fn managed_identity(&self) -> Result<Made, Made> {
        let client_id = self.variables.client_id.clone();
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: client_id.map(UserAssignedId::ClientId),
            client_options: self.client_options(),
        };
        let made = ManagedIdentityCredential::new(Some(options));
        made.map(|credential| Made::Guessed(credential))
            .map_err(unusable)
    }

    fn application(&self) -> Result<Application, Made> {
        Ok(Application {
            tenant_id: needed(&self.variables.tenant_id, "AZURE_TENANT_ID")?,
            client_id: needed(&self.variables.client_id, "AZURE_CLIENT_ID")?,
        })
    }

    fn authority(&self) -> &str {
        let host = self.variables.authority_host.as_deref();
        host.unwrap_or(PUBLIC_AUTHORITY).trim_end_matches('/')
    }

    fn assertion_options(&self) -> ClientAssertionCredentialOptions {
        ClientAssertionCredentialOptions {
            client_options: self.client_options(),
        }
    }

    /// No retries inside: whoever wants a token asks again by rules of its own.
    fn client_options(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        self.authority().clone_into(&mut cloud.authority_host);
        ClientOptions {
            retry: RetryOptions::none(),
            transport: self.transport.clone(),
            cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
            ..ClientOptions::default()
        }
    }
}

/// Azure's command line tools, signed in as whoever sits there.
fn developer_tools() -> Result<Made, Made> {
    let made = DeveloperToolsCredential::new(None);
    made.map(|credential| Made::Guessed(credential))
        .map_err(unusable)
}

fn set<T: Clone>(value: &Option<T>, name: &str) -> Result<T, Made> {
    value
        .clone()
        .ok_or_else(|| Made::Unset(format!("{name} is not set")))
}

/// A variable without which the ones that name a step are worth nothing.
fn needed(value: &Option<String>, name: &str) -> Result<String, Made> {
    value
        .clone()
        .ok_or_else(|| Made::Unusable(format!("{name} is not set")))
}

fn unusable(error: azure_core::Error) -> Made {
    Made::Unusable(error.to_string())
}
