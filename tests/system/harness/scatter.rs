//! Bodies on partitions by chance, in an order by chance: "any owner on any partition".

use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// What each partition gets.
pub(crate) type Loads = Vec<Vec<Vec<u8>>>;

pub(crate) fn scatter(
    partitions: u32,
    bodies: impl IntoIterator<Item = Vec<u8>>,
    random: &mut ChaCha8Rng,
) -> Loads {
    let mut loads = vec![Vec::new(); partitions as usize];
    for body in bodies {
        loads[random.random_range(0..partitions as usize)].push(body);
    }
    loads.iter_mut().for_each(|load| load.shuffle(random));
    loads
}
