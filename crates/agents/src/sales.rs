//! Sales, from which the pricing and the market agent learn.

use std::path::Path;

use chrono::{Datelike, NaiveDate};

use crate::csv::{CsvError, Row, Table};

/// A day, counted from 0001-01-01 as day 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Returns the number of days from `earlier` to this one.
    pub fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Returns the Monday of this day's week.
    pub fn monday(self) -> Self {
        Self(self.0.saturating_sub((self.0.saturating_sub(1)).rem_euclid(7)))
    }
}

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match NaiveDate::from_num_days_from_ce_opt(self.0) {
            Some(date) => date.fmt(out),
            None => write!(out, "day {}", self.0),
        }
    }
}

/// What is sold, and what is known about it before the sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: u64,
    /// Kind, tags and attributes, which it may share with others. Each occurs once.
    pub traits: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    pub day: Day,
    pub item: Item,
    pub seller: u64,
    pub buyer: u64,
    /// The price in the market's currency. 0 is a transfer without a price.
    pub price: f64,
}

/// Reads sales from a file with the columns date, punk_id, seller_id, buyer_id, price_eth, type, gender, skin_tone and attributes
/// (divided by bars), ordered by date.
///
/// # Errors
/// When the file cannot be read, or when a row is malformed or earlier than the one before. The error names the line.
pub fn read(path: &Path) -> Result<Vec<Sale>, CsvError> {
    let table = Table::read(path)?;
    let columns = Columns::of(&table)?;
    let mut sales: Vec<Sale> = Vec::new();
    for row in table.rows() {
        let row = row?;
        let sale = columns.sale(&row)?;
        if sales.last().is_some_and(|before| before.day > sale.day) {
            return Err(row.error(format!("{} comes after a later day", sale.day)));
        }
        sales.push(sale);
    }
    Ok(sales)
}

struct Columns {
    date: usize,
    item: usize,
    seller: usize,
    buyer: usize,
    price: usize,
    /// The mark of each column, so that equal values of two columns never count as the same trait.
    labels: [(&'static str, usize); 3],
    attributes: usize,
}

impl Columns {
    fn of(table: &Table) -> Result<Self, CsvError> {
        Ok(Self {
            date: table.column("date")?,
            item: table.column("punk_id")?,
            seller: table.column("seller_id")?,
            buyer: table.column("buyer_id")?,
            price: table.column("price_eth")?,
            labels: [
                ("type", table.column("type")?),
                ("gender", table.column("gender")?),
                ("skin", table.column("skin_tone")?),
            ],
            attributes: table.column("attributes")?,
        })
    }

    fn sale(&self, row: &Row<'_>) -> Result<Sale, CsvError> {
        let date: NaiveDate = row.parse(self.date, "date")?;
        let price = row.number(self.price, "price")?;
        if price < 0.0 {
            return Err(row.error(format!("the price is {price}")));
        }
        let labels = self.labels.iter().map(|(label, column)| (label, row.text(*column)));
        let mut traits: Vec<String> =
            labels.filter(|(_, value)| !value.is_empty()).map(|(label, value)| format!("{label}:{value}")).collect();
        let attributes: Vec<_> = row.text(self.attributes).split('|').filter(|value| !value.is_empty()).collect();
        traits.push(format!("attributes:{}", attributes.len()));
        for value in attributes {
            if !traits.iter().any(|other| other == value) {
                traits.push(value.to_owned());
            }
        }
        Ok(Sale {
            day: date.into(),
            item: Item { id: row.parse(self.item, "number of an item")?, traits },
            seller: row.parse(self.seller, "number of a seller")?,
            buyer: row.parse(self.buyer, "number of a buyer")?,
            price,
        })
    }
}

/// Returns groups of sales of one day each, in order.
pub fn by_day(sales: &[Sale]) -> impl Iterator<Item = (Day, &[Sale])> {
    sales.chunk_by(|a, b| a.day == b.day).filter_map(|sales| sales.first().map(|first| (first.day, sales)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse::<NaiveDate>().unwrap().into()
    }

    #[test]
    fn weeks_start_on_monday() {
        for (date, monday) in [("2021-09-27", "2021-09-27"), ("2021-10-03", "2021-09-27"), ("2021-10-04", "2021-10-04")]
        {
            assert_eq!(day(date).monday().to_string(), monday);
        }
        assert_eq!(Day(i32::MIN).monday(), Day(i32::MIN));
    }

    #[test]
    fn malformed_rows_name_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sales.csv");
        let header = "date,punk_id,seller_id,buyer_id,price_eth,type,gender,skin_tone,attr_count,attributes\n";
        let good = "2021-01-02,7,1,2,3.5,Human,Male,Dark,2,Beanie|Pipe\n";
        for (rows, problem) in [
            ("2021-13-01,7,1,2,3.5,Human,Male,Dark,2,\n", "line 3: \"2021-13-01\" is no date"),
            ("2021-01-03,7,1,2,NaN,Human,Male,Dark,2,\n", "line 3: price is NaN"),
            ("2021-01-03,7,1,2,-1,Human,Male,Dark,2,\n", "line 3: the price is -1"),
            ("2021-01-03,-7,1,2,1,Human,Male,Dark,2,\n", "line 3: \"-7\" is no number of an item"),
            ("2021-01-01,7,1,2,1,Human,Male,Dark,2,\n", "line 3: 2021-01-01 comes after a later day"),
            ("2021-01-03,7\n", "line 3: 2 fields where the header has 10"),
        ] {
            crate::csv::write_whole(&path, &format!("{header}{good}{rows}")).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        crate::csv::write_whole(&path, &format!("{header}{good}")).unwrap();
        let sales = read(&path).unwrap();
        assert_eq!(sales[0].item.traits, ["type:Human", "gender:Male", "skin:Dark", "attributes:2", "Beanie", "Pipe"]);
    }
}
