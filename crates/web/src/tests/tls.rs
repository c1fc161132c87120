//! TLS with a certificate that is renewed under way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::world::World;
use crate::tls::Certificate;
use crate::{Config, Error, Running, Tls, bind};

/// Writes a new pair; the certificate.
fn write(tls: &Tls) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&tls.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().clone()
}

fn files(dir: &Path) -> Tls {
    Tls {
        certificate: dir.join("certificate.pem"),
        key: dir.join("key.pem"),
    }
}

fn serve(world: &World, tls: &Tls) -> Result<Running, Error> {
    let config = Config {
        tls: Some(tls.clone()),
        ..Config::new(([127, 0, 0, 1], 0).into())
    };
    bind(config, world.state()).unwrap().start()
}

/// What the node answers to a client that trusts this certificate alone; `None`: it shows another.
async fn ask(running: &Running, trusted: &CertificateDer<'static>) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let plain = TcpStream::connect(running.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, plain).await.ok()?;
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // How the other side hangs up is not what is asked.
    drop(stream.read_to_end(&mut answer).await);
    Some(String::from_utf8(answer).unwrap())
}

#[actix_web::test]
async fn browsers_are_told_to_come_by_tls_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let tls = files(dir.path());
    let certificate = write(&tls);
    let world = World::new().await;
    let running = serve(&world, &tls).unwrap();
    let answer = ask(&running, &certificate).await.unwrap();
    let header = "strict-transport-security: max-age=31536000";
    assert!(answer.to_lowercase().contains(header), "{answer}");
    running.stop().await;
}

#[actix_web::test]
async fn a_renewed_certificate_is_shown_without_a_stop() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let tls = files(dir.path());
    let first = write(&tls);
    let running = serve(&world, &tls).unwrap();
    let answer = ask(&running, &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let second = write(&tls);
    let renewed = async {
        while ask(&running, &second).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), renewed)
        .await
        .unwrap();
    assert!(ask(&running, &first).await.is_none());
    running.stop().await;
}

#[actix_web::test]
async fn a_pair_that_is_none_is_refused_at_start_by_name() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let tls = files(dir.path());
    let missing = serve(&world, &tls).err().unwrap().to_string();
    assert!(missing.contains("certificate.pem"), "{missing}");
    write(&tls);
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).unwrap();
    let foreign = serve(&world, &tls).err().unwrap().to_string();
    assert!(foreign.contains("is no key of"), "{foreign}");
    std::fs::write(&tls.certificate, "").unwrap();
    let empty = serve(&world, &tls).err().unwrap().to_string();
    assert!(empty.contains("no certificate in it"), "{empty}");
}

#[test]
fn a_broken_renewal_leaves_the_pair_before() {
    let dir = tempfile::tempdir().unwrap();
    let tls = files(dir.path());
    let first = write(&tls);
    let certificate = Certificate::load(tls.clone()).unwrap();
    let shown = || certificate.shown();
    assert_eq!(shown(), first);
    std::fs::write(&tls.certificate, "no certificate").unwrap();
    certificate.renew();
    assert_eq!(shown(), first);
    let second = write(&tls);
    certificate.renew();
    assert_eq!(shown(), second);
}
