# SPDX-License-Identifier: BSD-2-Clause
"""sqlite3: rows inserted into a table in memory, an index, queries, everything dropped again."""
import sqlite3

FINE = {"count": 800}


def setup(count=24000):
    database = sqlite3.connect(":memory:", isolation_level=None)

    def work():
        run = database.execute
        run("CREATE TABLE sale (id INTEGER PRIMARY KEY, customer TEXT, amount REAL, note TEXT)")
        run("BEGIN")
        database.executemany(
            "INSERT INTO sale (customer, amount, note) VALUES (?, ?, ?)",
            (("customer %d" % (i % 97), i * 0.5, "note " * (i % 20)) for i in range(count)),
        )
        run("COMMIT")
        run("CREATE INDEX by_customer ON sale (customer)")
        for i in range(97):
            rows = run("SELECT * FROM sale WHERE customer = ?", ("customer %d" % i,)).fetchall()
        run("SELECT customer, sum(amount), max(note) FROM sale GROUP BY customer").fetchall()
        run("DROP TABLE sale")
        return len(rows)

    return work
