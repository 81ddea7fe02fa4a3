//! Sums of values by stack and group, in order of first appearance. Nearly every stack is seen in one group only,
//! so a row is found by the number of its stack, without hashing.

use hashbrown::HashMap;

/// A row's key: the number of the stack, if there is one, and that of the group.
pub(crate) type Key = (Option<usize>, u32);

/// Rows of values, `columns` each.
pub(crate) struct Rows {
    columns: usize,
    keys: Vec<Key>,
    values: Vec<i64>,
    /// The row that first had a stack, plus one; 0 where none has.
    by_stack: Vec<u32>,
    /// The other rows.
    others: HashMap<Key, usize, foldhash::fast::RandomState>,
}

/// A sum does not fit 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overflow;

impl Rows {
    pub(crate) fn new(columns: usize) -> Self {
        Self {
            columns,
            keys: Vec::new(),
            values: Vec::new(),
            by_stack: Vec::new(),
            others: HashMap::default(),
        }
    }

    /// Every row in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &[i64])> {
        self.keys.iter().copied().zip(self.values.chunks_exact(self.columns.max(1)))
    }

    pub(crate) fn values_mut(&mut self) -> &mut [i64] {
        &mut self.values
    }

    /// Adds values, of which the first ones count, to the row of `key`; the number of the row.
    #[inline]
    pub(crate) fn add(&mut self, key: Key, values: &[i64]) -> Result<usize, Overflow> {
        let row = self.row(key);
        let sums = &mut self.values[row * self.columns..(row + 1) * self.columns];
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum = sum.checked_add(value).ok_or(Overflow)?;
        }
        Ok(row)
    }

    /// The same rows where each group has another number, which several may share.
    pub(crate) fn regrouped(&self, numbers: &[u32]) -> Result<Self, Overflow> {
        let mut rows = Self::new(self.columns);
        for ((stack, group), values) in self.iter() {
            rows.add((stack, numbers[group as usize]), values)?;
        }
        Ok(rows)
    }

    fn row(&mut self, key: Key) -> usize {
        let next = self.keys.len();
        if let Some(stack) = key.0 {
            if self.by_stack.len() <= stack {
                self.by_stack.resize(stack + 1, 0);
            }
            let first = self.by_stack[stack];
            if first == 0 {
                // Rows beyond 32 bits are found by hashing.
                if let Ok(row) = u32::try_from(next + 1) {
                    self.by_stack[stack] = row;
                    return self.push(key);
                }
            } else if self.keys[first as usize - 1] == key {
                return first as usize - 1;
            }
        }
        match self.others.get(&key) {
            Some(&row) => row,
            None => {
                self.others.insert(key, next);
                self.push(key)
            }
        }
    }

    fn push(&mut self, key: Key) -> usize {
        self.keys.push(key);
        self.values.resize(self.values.len() + self.columns, 0);
        self.keys.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_summed_in_order_of_first_appearance() {
        let mut rows = Rows::new(2);
        for (key, value) in
            [((Some(3), 0), 1), ((None, 0), 2), ((Some(3), 1), 4), ((Some(3), 0), 8), ((Some(3), 1), 16)]
        {
            rows.add(key, &[value, -value]).unwrap();
        }
        let found: Vec<_> = rows.iter().map(|(key, values)| (key, values.to_vec())).collect();
        assert_eq!(
            found,
            [((Some(3), 0), vec![9, -9]), ((None, 0), vec![2, -2]), ((Some(3), 1), vec![20, -20])]
        );
        assert_eq!(rows.add((None, 0), &[i64::MAX]), Err(Overflow));
    }
}
