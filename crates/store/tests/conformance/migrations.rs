//! The schema up and down, on a filled database.

use rollcall_store::{Config, Kind, MigrationRow, Store};

use crate::fixture::{Fixture, On, owner_id};

async fn filled(on: On) -> (Fixture, Config) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    fixture.commit(vec![lease.filled("1", -1, 9)]).await;
    let config = Config {
        migrate: false,
        ..fixture.config.clone()
    };
    (fixture, config)
}

fn applied(rows: &[MigrationRow]) -> usize {
    rows.iter().filter(|row| row.applied).count()
}

async fn a_filled_database_goes_down_and_up_again(on: On) {
    let (fixture, config) = filled(on).await;
    let all = Store::migrations(config.clone()).await.unwrap();
    assert_eq!(applied(&all), all.len());
    let steps = u32::try_from(all.len()).unwrap();
    Store::migrate_down(config.clone(), steps).await.unwrap();
    assert_eq!(
        applied(&Store::migrations(config.clone()).await.unwrap()),
        0
    );

    let error = Store::open(config.clone()).await.err().unwrap();
    assert_eq!(error.kind, Kind::Schema);
    assert!(
        error
            .source
            .unwrap()
            .to_string()
            .contains("rollcall migrate up")
    );

    let store = Store::open(fixture.config.clone()).await.unwrap();
    assert_eq!(store.owner(&owner_id("1")).await.unwrap(), None);
    assert_eq!(
        applied(&Store::migrations(config).await.unwrap()),
        all.len()
    );
}

async fn an_open_of_a_current_schema_keeps_the_data(on: On) {
    let (fixture, config) = filled(on).await;
    for config in [config, fixture.config.clone()] {
        let store = Store::open(config).await.unwrap();
        assert!(store.owner(&owner_id("1")).await.unwrap().is_some());
    }
}

async fn a_newer_schema_is_refused_by_name(on: On) {
    let (fixture, config) = filled(on).await;
    fixture
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2099_later', 0)")
        .await;
    for opened in [
        Store::open(fixture.config.clone()).await,
        Store::open(config.clone()).await,
        Store::open_read_only(config).await,
    ] {
        let error = opened.err().unwrap();
        assert_eq!(error.kind, Kind::Schema);
        assert!(error.source.unwrap().to_string().contains("m2099_later"));
    }
}

async fn a_store_opened_for_reading_reads_beside_a_writer_and_never_writes(on: On) {
    let (fixture, config) = filled(on).await;
    let reading = Store::open_read_only(config).await.unwrap();
    fixture.enter(&["2"]).await;
    assert!(reading.owner(&owner_id("2")).await.unwrap().is_some());
    let findings = reading.check_invariants().await.unwrap();
    assert!(findings.len() >= 7 && findings.iter().all(|f| f.fault.is_none()));
    let error = reading.register_sinks(&[]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Defect);
}

on_both! {
    a_filled_database_goes_down_and_up_again,
    an_open_of_a_current_schema_keeps_the_data,
    a_newer_schema_is_refused_by_name,
    a_store_opened_for_reading_reads_beside_a_writer_and_never_writes,
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_the_reason() {
    let config = |url: &str| Config {
        busy_timeout: std::time::Duration::from_millis(50),
        readers: 1,
        ..Config::new(url.to_owned())
    };
    for (url, kind, reason) in [
        (
            "postgres://u:secret@127.0.0.1:1/roll",
            Kind::Unavailable,
            "refused",
        ),
        ("mysql://localhost/roll", Kind::Defect, "sqlite://"),
        ("sqlite::memory:", Kind::Defect, "in memory"),
        ("sqlite:///proc/rollcall/roll.db", Kind::Unavailable, ""),
    ] {
        let error = Store::open(config(url)).await.err().unwrap();
        assert_eq!(error.kind, kind, "{url}");
        assert!(!error.operation.contains("secret"));
        let text = error.source.unwrap().to_string();
        assert!(text.contains(reason), "{text}");
    }
}
