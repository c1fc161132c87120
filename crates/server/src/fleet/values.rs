//! Values as devices report them: a daily wave with noise, each sub-owner with its own base.

use std::f64::consts::TAU;

use rand::Rng;
use rollcall_model::Timestamp;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A kind of device.
struct Device {
    name: &'static str,
    field: &'static str,
    unit: &'static str,
    base: f64,
    /// How much devices of this kind differ from each other.
    spread: f64,
    /// Half of what a day changes.
    daily: f64,
    noise: f64,
}

const DEVICES: &[Device] = &[
    Device {
        name: "thermometer",
        field: "temperature",
        unit: "C",
        base: 20.5,
        spread: 3.0,
        daily: 2.5,
        noise: 0.2,
    },
    Device {
        name: "hygrometer",
        field: "humidity",
        unit: "%",
        base: 48.0,
        spread: 9.0,
        daily: 6.0,
        noise: 0.8,
    },
    Device {
        name: "meter",
        field: "power",
        unit: "W",
        base: 900.0,
        spread: 400.0,
        daily: 350.0,
        noise: 40.0,
    },
    Device {
        name: "air",
        field: "co2",
        unit: "ppm",
        base: 640.0,
        spread: 90.0,
        daily: 150.0,
        noise: 12.0,
    },
    Device {
        name: "valve",
        field: "opening",
        unit: "%",
        base: 45.0,
        spread: 20.0,
        daily: 15.0,
        noise: 1.0,
    },
];

fn device(index: u32) -> &'static Device {
    let count = u32::try_from(DEVICES.len()).unwrap_or(1);
    // The table is not empty.
    &DEVICES[usize::try_from(index % count).unwrap_or(0)]
}

/// `thermometer-0`: the kind and the number within the owner.
pub(super) fn sub_owner_id(index: u32, sub_owner: u32) -> String {
    format!("{}-{sub_owner}", device(index).name)
}

/// The JSON of a status's `data`.
pub(super) fn data(seed: u64, index: u32, at: Timestamp, random: &mut impl Rng) -> String {
    let device = device(index);
    let own = fraction(seed, index);
    let base = device.base + device.spread * (2.0 * own - 1.0);
    let day = at.as_micros().rem_euclid(MICROS_PER_DAY) as f64 / MICROS_PER_DAY as f64;
    let wave = device.daily * (TAU * (day + own * 0.1)).sin();
    let value = (base + wave + device.noise * random.random_range(-1.0..1.0)).max(0.0);
    let battery = 100.0 - random.random_range(0.0..4.0) - own * 60.0;
    format!(
        "{{\"{}\":{value:.2},\"unit\":\"{}\",\"battery\":{battery:.0}}}",
        device.field, device.unit
    )
}

/// A fixed number in 0..1 for each device, without keeping state for it (splitmix64).
fn fraction(seed: u64, index: u32) -> f64 {
    let mut bits = seed
        .wrapping_add(u64::from(index))
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn values_are_json_and_stay_plausible() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for index in 0..200 {
            let at = Timestamp::from_millis(i64::from(index) * 3_600_000);
            let data: serde_json::Value =
                serde_json::from_str(&data(1, index, at, &mut random)).unwrap();
            let device = device(index);
            let value = data[device.field].as_f64().unwrap();
            let reach = device.spread + device.daily + device.noise + 0.01;
            assert!((value - device.base).abs() <= reach, "{data}");
            assert!((30..=100).contains(&data["battery"].as_i64().unwrap()));
        }
    }

    #[test]
    fn devices_differ() {
        assert_ne!(fraction(1, 0).to_bits(), fraction(1, 5).to_bits());
        assert_ne!(fraction(1, 0).to_bits(), fraction(2, 0).to_bits());
    }
}
