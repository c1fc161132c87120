//! Which way in, and what the surroundings say about it.

use std::path::PathBuf;

use azure_core::credentials::Secret;

/// How to sign in.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The one step to use; `None` tries all of them in order.
    pub step: Option<Step>,
    pub variables: Variables,
}

/// One way of signing in. The order is the chain's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    ClientSecret,
    ClientCertificate,
    WorkloadIdentity,
    ManagedIdentity,
    DeveloperTools,
}

impl Step {
    /// In the order in which they are tried.
    pub const ALL: [Self; 5] = [
        Self::ClientSecret,
        Self::ClientCertificate,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::DeveloperTools,
    ];

    /// The name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ClientCertificate => "client_certificate",
            Self::WorkloadIdentity => "workload_identity",
            Self::ManagedIdentity => "managed_identity",
            Self::DeveloperTools => "developer_tools",
        }
    }

    /// The step of a name; `None` for `auto`, and for any other name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `AZURE_…` variables that mean what they mean everywhere. An empty one counts as not set.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    pub(crate) tenant_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) client_certificate_path: Option<PathBuf>,
    /// Set, whatever to: keys under a password cannot be read here.
    pub(crate) has_certificate_password: bool,
    pub(crate) federated_token_file: Option<PathBuf>,
    pub(crate) authority_host: Option<String>,
}

impl Variables {
    /// Picks the variables out of an environment.
    #[must_use]
    pub fn read<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(str::to_owned);
        Self {
            tenant_id: text("AZURE_TENANT_ID"),
            client_id: text("AZURE_CLIENT_ID"),
            client_secret: text("AZURE_CLIENT_SECRET").map(Secret::new),
            client_certificate_path: set("AZURE_CLIENT_CERTIFICATE_PATH").map(PathBuf::from),
            has_certificate_password: set("AZURE_CLIENT_CERTIFICATE_PASSWORD").is_some(),
            federated_token_file: set("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
            authority_host: text("AZURE_AUTHORITY_HOST"),
        }
    }
}
