-- One row a berth, one bit of `taken` a leg; one row a hold.
CREATE TABLE berth (
    train int, class int, berth int, taken int NOT NULL DEFAULT 0,
    PRIMARY KEY (train, class, berth)
) WITH (fillfactor = 40);
CREATE TABLE hold (
    id bigint PRIMARY KEY, train int, class int, berth int, legs int,
    status int, -- 1 held, 2 sold, 3 released
    expires timestamptz
) WITH (fillfactor = 60);
