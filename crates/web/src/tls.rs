//! TLS: a certificate that is read again when its file changes, without a stop.
//!
//! The files are looked at every second by their time and length; a pair that cannot be used is
//! told by the log, and the one before goes on. Clients need TLS 1.2 or 1.3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM, the chain after it.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// The pair that is shown to clients just now.
pub(crate) struct Certificate {
    files: Tls,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.files).finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Certificate {
    /// # Errors
    /// A sentence, if the files hold no pair.
    pub(crate) fn load(files: Tls) -> Result<Arc<Self>, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = read(&files, &provider)?;
        Ok(Arc::new(Self {
            files,
            provider,
            current: ArcSwap::from_pointee(current),
        }))
    }

    /// # Errors
    /// A sentence, if the library knows no protocol.
    pub(crate) fn config(self: &Arc<Self>) -> Result<ServerConfig, String> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let config = config.with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        Ok(config.with_no_client_auth().with_cert_resolver(resolver))
    }

    /// Never ends.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut known = self.stamp();
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let now = self.stamp();
            if now != known {
                known = now;
                self.renew();
            }
        }
    }

    pub(crate) fn renew(&self) {
        let path = self.files.certificate.display();
        match read(&self.files, &self.provider) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                tracing::info!("the certificate {path} is read anew");
            }
            Err(error) => {
                tracing::warn!(
                    error,
                    "the certificate {path} cannot be read anew, so that the one before goes on: {error}"
                );
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn shown(&self) -> CertificateDer<'static> {
        self.current.load().cert[0].clone()
    }

    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.files.certificate, &self.files.key].map(|path| stamp(path))
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{certificate}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{certificate}: there is no certificate in it"));
    }
    let private =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| format!("{key}: {error}"))?;
    CertifiedKey::from_der(chain, private, provider)
        .map_err(|error| format!("{key} is no key of {certificate}: {error}"))
}
