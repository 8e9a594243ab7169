-- Fresh stock of 200 trains with 4 classes of 250 berths, as if it had long been there.
TRUNCATE berth, hold;
INSERT INTO berth SELECT t, b / 250, b FROM generate_series(0, 199) t, generate_series(0, 999) b;
VACUUM ANALYZE berth;
VACUUM ANALYZE hold;
CHECKPOINT;
