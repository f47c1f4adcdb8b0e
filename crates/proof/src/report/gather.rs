//! Equal things put together.

use std::collections::HashMap;
use std::hash::Hash;

/// Gathers the values of equal keys; keys and values stay in the order in which they came.
pub fn gather<K: Clone + Eq + Hash, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut places = HashMap::new();
    let mut gathered: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in pairs {
        let place = *places.entry(key.clone()).or_insert_with(|| {
            gathered.push((key, Vec::new()));
            gathered.len() - 1
        });
        gathered[place].1.push(value);
    }
    gathered
}
