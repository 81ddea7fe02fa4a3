//! Adding the costs of a line to those of its function or call, and which function that is.

use profkit_profile::ReadError;

use super::{Reader, overflow};
use crate::costs::{CallKey, FunctionName, Overflow, Place, Row};
use crate::dialect::Dialect;
use crate::names::{Text, UNKNOWN, is_address};

impl Reader<'_, '_> {
    pub(super) fn own_cost(&mut self, place: Place) -> Result<(), Overflow> {
        let row = self.current_row()?;
        let is_definition = match self.header.dialect {
            Dialect::Plain => false,
            Dialect::Yappi => true,
            Dialect::Profkit | Dialect::Pyprof2calltree => std::mem::replace(&mut self.is_first, false),
        };
        let Some(events) = &self.header.events else { return Ok(()) };
        for ((&value, &column), sum) in self.values.iter().zip(&events.types).zip(&mut self.part_sums) {
            *sum += i128::from(value);
            if let Some(column) = column {
                self.costs.functions.add(row, column, value)?;
            }
        }
        let function = self.costs.functions.keys[row as usize].function;
        if is_definition {
            self.costs.definitions[function as usize].get_or_insert(place.line);
            return Ok(());
        }
        let own_file = self.costs.names[function as usize].file;
        let says_something =
            place.line > 0 || place.address > 0 || place.object != UNKNOWN || place.file != own_file;
        if !says_something || self.values.iter().all(|&value| value == 0) {
            return Ok(());
        }
        self.costs.lines.push(row, place);
        for (&value, &column) in self.values.iter().zip(&events.types) {
            if let Some(column) = column {
                self.costs.lines.cost(column, value);
            }
        }
        Ok(())
    }

    pub(super) fn call_cost(
        &mut self,
        place: Place,
        count: i64,
        call_at: usize,
        at: usize,
    ) -> Result<(), ReadError> {
        let Some(callee) = self.callee() else {
            return Err(ReadError::malformed("a call of nothing: no `cfn=` line before it", call_at));
        };
        let marks = std::mem::take(&mut self.marks);
        let caller = self.current_row().map_err(|_| overflow(at))?;
        let caller_row = self.costs.functions.keys[caller as usize];
        // yappi and pyprof2calltree do not know where calls are.
        let place = match self.header.dialect {
            Dialect::Yappi | Dialect::Pyprof2calltree => Place { line: 0, address: 0, ..place },
            Dialect::Plain | Dialect::Profkit => place,
        };
        let key = CallKey { caller, origin: caller_row.origin, callee, place };
        let count = marks.count.unwrap_or(count);
        let row = self.costs.call(key, count).map_err(|_| overflow(at))?;
        self.costs.unknown_cost[row as usize] |= marks.unknown_cost;
        if let Some(events) = &self.header.events {
            for (&value, &column) in self.values.iter().zip(&events.types) {
                if let Some(column) = column {
                    self.costs.calls.add(row, column, value).map_err(|_| overflow(at))?;
                }
            }
        }
        (self.called_file, self.called_object) = (None, None);
        Ok(())
    }

    /// The function that is called.
    pub(super) fn callee(&mut self) -> Option<u32> {
        let name = self.called?;
        let current = if self.file == self.own_file { self.function_file } else { self.file };
        let file = self.called_file.unwrap_or(current);
        let file = self.file_of(name, file, self.called_object.unwrap_or(self.object));
        Some(self.costs.function(FunctionName { file, name }))
    }

    /// The file of a function: where neither name nor file is known, its binary stands for it, as for any address.
    pub(super) fn file_of(&self, name: Text, file: Text, object: Text) -> Text {
        if file == UNKNOWN && is_address(self.names.texts.get(name)) { object } else { file }
    }

    /// The row of the current function, made at its first cost.
    fn current_row(&mut self) -> Result<u32, Overflow> {
        if let Some(row) = self.row {
            return Ok(row);
        }
        let origin = match self.origin {
            Some(origin) => origin,
            // Only a full table of strings fails here, which a profile reports again when it is finished.
            None => self.header.origin(self.into).map_err(|_| Overflow)?,
        };
        self.origin = Some(origin);
        let function = self.costs.function(FunctionName { file: self.own_file, name: self.name });
        let row = self.costs.functions.row(Row { origin, function });
        self.row = Some(row);
        Ok(row)
    }
}
