//! What nearly every statement of this crate does with its answer, once: rows become typed values, a
//! change says whether it met its row, a count whether there is any.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DeleteMany, EntityTrait, FromQueryResult,
    Insert, PaginatorTrait, QueryFilter, QuerySelect, Select, TryGetableMany, UpdateMany, Value,
    sea_query::Expr,
};

use crate::{DbError, Result, dialect::sum_of, rows::unsigned};

/// Reading.
pub(crate) trait Read<M>: Sized {
    /// All rows as typed values.
    async fn rows<T: TryFrom<M, Error = DbError>>(self, c: &impl ConnectionTrait)
    -> Result<Vec<T>>;

    /// The row, if there is one, as a typed value.
    async fn row<T: TryFrom<M, Error = DbError>>(
        self,
        c: &impl ConnectionTrait,
    ) -> Result<Option<T>>;

    /// Whether there is any row.
    async fn any(self, c: &impl ConnectionTrait) -> Result<bool>;

    /// The sum of a column of bytes or times; 0 without rows.
    async fn sum(self, c: &impl ConnectionTrait, column: &str) -> Result<u64>;
}

impl<E, M> Read<M> for Select<E>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Send + Sync,
{
    async fn rows<T: TryFrom<M, Error = DbError>>(
        self,
        c: &impl ConnectionTrait,
    ) -> Result<Vec<T>> {
        let rows = self.all(c).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn row<T: TryFrom<M, Error = DbError>>(
        self,
        c: &impl ConnectionTrait,
    ) -> Result<Option<T>> {
        self.one(c).await?.map(TryInto::try_into).transpose()
    }

    async fn any(self, c: &impl ConnectionTrait) -> Result<bool> {
        Ok(self.count(c).await? > 0)
    }

    async fn sum(self, c: &impl ConnectionTrait, column: &str) -> Result<u64> {
        let sum = self.select_only().column_as(sum_of(c, column), "sum");
        let sum: Option<i64> = sum.into_tuple().one(c).await?;
        Ok(unsigned(sum.unwrap_or(0)))
    }
}

/// Changing rows.
pub(crate) trait Change<C>: Sized {
    /// Sets a column.
    fn value(self, column: C, to: impl Into<Value>) -> Self;

    /// Changes the rows that there are.
    async fn run(self, c: &impl ConnectionTrait) -> Result<()>;

    /// Changes the one row that is still as the update wants it; whether there was one. Of several that
    /// compare and set at once, one gets `true`.
    async fn changed_one(self, c: &impl ConnectionTrait) -> Result<bool>;
}

impl<E: EntityTrait> Change<E::Column> for UpdateMany<E> {
    fn value(self, column: E::Column, to: impl Into<Value>) -> Self {
        self.col_expr(column, Expr::value(to.into()))
    }

    async fn run(self, c: &impl ConnectionTrait) -> Result<()> {
        self.exec(c).await?;
        Ok(())
    }

    async fn changed_one(self, c: &impl ConnectionTrait) -> Result<bool> {
        Ok(self.exec(c).await?.rows_affected == 1)
    }
}

/// Removing rows.
pub(crate) trait Remove {
    /// Removes them; how many there were.
    async fn removed(self, c: &impl ConnectionTrait) -> Result<u64>;
}

impl<E: EntityTrait> Remove for DeleteMany<E> {
    async fn removed(self, c: &impl ConnectionTrait) -> Result<u64> {
        Ok(self.exec(c).await?.rows_affected)
    }
}

/// Rows that a sweep removes by one statement: who waits for them does not wait long.
const AT_ONCE: u64 = 1000;

/// Removes the rows that `which` finds, some at a time, and of those only what `still` holds for. How many.
pub(crate) async fn remove_in_batches<E: EntityTrait, K>(
    c: &impl ConnectionTrait,
    key: E::Column,
    which: &Expr,
    still: &Expr,
) -> Result<u64>
where
    K: TryGetableMany + Into<Value> + Send + Sync,
{
    let mut removed = 0;
    loop {
        let found = E::find().select_only().column(key).filter(which.clone());
        let keys: Vec<K> = found.limit(AT_ONCE).into_tuple().all(c).await?;
        let last = (keys.len() as u64) < AT_ONCE;
        let some = E::delete_many().filter(key.is_in(keys));
        removed += some.filter(still.clone()).removed(c).await?;
        if last {
            return Ok(removed);
        }
    }
}

/// Adds a row.
pub(crate) async fn add<A: ActiveModelTrait>(c: &impl ConnectionTrait, row: A) -> Result<()> {
    Insert::one(row).exec_without_returning(c).await?;
    Ok(())
}
