SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA forward_test;
CREATE SCHEMA market_data;
CREATE SCHEMA notification;
CREATE SCHEMA strategy;
CREATE FUNCTION forward_test.audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'session.create', NEW.id::TEXT);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES (
            CASE WHEN NEW.status = 'STOPPING' THEN NEW.user_id ELSE 'forward-test' END,
            'session.' || lower(NEW.status),
            NEW.id::TEXT
        );
    ELSE
        INSERT INTO forward_test.audit_outbox (actor, action, subject)
        VALUES ('forward-test', 'session.withdrawn', OLD.id::TEXT);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION strategy.audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'strategy.create', NEW.id::TEXT);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (NEW.user_id, 'strategy.update', NEW.id::TEXT || ' version ' || NEW.version);
    ELSE
        INSERT INTO strategy.audit_outbox (actor, action, subject)
        VALUES (OLD.user_id, 'strategy.delete', OLD.id::TEXT);
    END IF;
    RETURN NULL;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE forward_test._migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE forward_test.audit_outbox (
    id bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE forward_test.audit_outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME forward_test.audit_outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE forward_test.commands (
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    body json NOT NULL,
    sent boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE forward_test.equity (
    session_id uuid NOT NULL,
    sequence bigint NOT NULL,
    "time" timestamp with time zone NOT NULL,
    price numeric NOT NULL,
    cash numeric NOT NULL,
    "position" numeric NOT NULL,
    equity numeric NOT NULL
);
CREATE TABLE forward_test.executions (
    session_id uuid NOT NULL,
    sequence bigint NOT NULL,
    data json NOT NULL
);
CREATE TABLE forward_test.orders (
    session_id uuid NOT NULL,
    order_id uuid NOT NULL,
    signal_id uuid NOT NULL,
    first_sequence bigint NOT NULL,
    sequence bigint NOT NULL,
    status text NOT NULL,
    action text NOT NULL,
    order_type text NOT NULL,
    leg text NOT NULL,
    time_in_force text NOT NULL,
    quantity numeric,
    filled numeric NOT NULL,
    limit_price numeric,
    stop_price numeric,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE forward_test.sessions (
    id uuid NOT NULL,
    user_id text NOT NULL,
    name text NOT NULL,
    strategy_id uuid NOT NULL,
    strategy_name text DEFAULT ''::text NOT NULL,
    strategy_version integer DEFAULT 0 NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    initial_balance numeric NOT NULL,
    fee_rate numeric NOT NULL,
    status text NOT NULL,
    status_reason text,
    deployed boolean DEFAULT false NOT NULL,
    cash numeric NOT NULL,
    "position" numeric DEFAULT 0 NOT NULL,
    equity numeric NOT NULL,
    last_price numeric,
    realized_pnl numeric DEFAULT 0 NOT NULL,
    fees numeric DEFAULT 0 NOT NULL,
    trades bigint DEFAULT 0 NOT NULL,
    return_pct numeric DEFAULT 0 NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    stopped_at timestamp with time zone,
    terms json,
    metrics json,
    closing boolean DEFAULT false NOT NULL,
    withdrawn boolean DEFAULT false NOT NULL
);
CREATE TABLE forward_test.snapshots (
    unit integer NOT NULL,
    positions bigint[] NOT NULL,
    state bytea NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE market_data._migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE market_data.subscriptions (
    product_id text NOT NULL,
    requested_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE notification._migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE notification.notifications (
    id bigint NOT NULL,
    user_id text NOT NULL,
    title text NOT NULL,
    message text NOT NULL,
    severity text NOT NULL,
    at timestamp with time zone NOT NULL,
    record_partition integer NOT NULL,
    record_offset bigint NOT NULL
);
ALTER TABLE notification.notifications ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notification.notifications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE strategy._migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE strategy.audit_outbox (
    id bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE strategy.audit_outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME strategy.audit_outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE strategy.commands (
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    unit integer NOT NULL,
    kind text NOT NULL,
    body json NOT NULL,
    "position" bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE strategy.deployments (
    session_id uuid NOT NULL,
    user_id text NOT NULL,
    strategy_id uuid NOT NULL,
    strategy_name text NOT NULL,
    version integer NOT NULL,
    source json NOT NULL,
    symbol text NOT NULL,
    unit integer NOT NULL,
    timeframe text NOT NULL,
    initial_balance numeric NOT NULL,
    fee_rate numeric NOT NULL,
    start_offset bigint,
    stop_requested boolean DEFAULT false NOT NULL,
    stop_offset bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    terms json
);
CREATE TABLE strategy.snapshots (
    unit integer NOT NULL,
    positions bigint[] NOT NULL,
    state bytea NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE strategy.strategies (
    id uuid NOT NULL,
    user_id text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE strategy.versions (
    strategy_id uuid NOT NULL,
    version integer NOT NULL,
    source json NOT NULL,
    diagnostics json NOT NULL,
    plan_hash text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL
);
COPY forward_test._migrations (version, description, installed_on, success, checksum, execution_time) FROM stdin;
1	sessions	2026-11-29 21:18:20.421661+00	t	\\xab06c85f2d276bb111b51b62d0a870a5ce507e62328494ced8c7c1f56398172e7dc1849d49fdc1981dfa996cbfb5dee1	18936997
9	audit	2026-11-29 21:18:20.441085+00	t	\\xd650fe70b004c209adc1dffc16840113447ec4d5fe1d7021d2264eee9769547f85e01607baae6f3ea63a816c0e6542a8	3010843
10	orders	2026-11-29 21:18:20.44421+00	t	\\x580d576432a8426b391c1406a58c2d19702c4cfa93ffaca10d4644cbe32fdcb1ad8b8cc5c7af8ce6ec4762a181a641c8	4305745
46	ops takes audit rows	2026-11-29 21:18:20.448634+00	t	\\x3a1a2c00c73df29da15f0f39c003f39cf0cb4677eed66e6e89e98bd8e929f17d77d941777399ca92067f67a70f75e37e	813628
\.
COPY forward_test.audit_outbox (id, actor, action, subject, at) FROM stdin;
\.
COPY forward_test.commands (id, session_id, body, sent, created_at) FROM stdin;
\.
COPY forward_test.equity (session_id, sequence, "time", price, cash, "position", equity) FROM stdin;
01a2292c-57dd-70d0-ba55-d0d900a90d2e	2	2026-01-05 00:00:00.145439+00	87779.55	100000	0	100000
01a2292c-57dd-70d0-ba55-d0d900a90d2e	4	2026-01-05 00:00:18.093451+00	87559.52	5000.0001319628	1.08389236	99905.09490523
01a2292c-57dd-70d0-ba55-d0d900a90d2e	6	2026-01-05 00:00:37.340471+00	87788.27	100057.88224743	0	100057.88224743
01a2292c-57dd-70d0-ba55-d0d900a90d2e	8	2026-01-05 00:00:58.082565+00	87464.5	5002.89474683	1.08569794	99962.92221996
\.
COPY forward_test.executions (session_id, sequence, data) FROM stdin;
01a2292c-57dd-70d0-ba55-d0d900a90d2e	3	{"trade_id":"73bd1c28-cbd2-554a-b6ee-57b48ca07666","session_id":"01a2292c-57dd-70d0-ba55-d0d900a90d2e","symbol":"BTCUSD","action":"BUY","quantity":1.08389236,"price":87559.52,"status":"FILLED","timestamp":"2026-01-05T00:00:18.093451Z","user_id":"alice","strategy_id":"01a2292c-57b9-779a-af67-88bfcd90b1e3","signal_id":"7d2e8330-3940-56a5-b179-d5a207eb831d","fee":94.90509477,"slippage":0,"realized_pnl":-94.90509477,"cash":5000.0001319628,"position":1.08389236,"reason":"SMA(10) 87,549.45 crossed above SMA(30) 87,547.28","sequence":3,"order":{"order_id":"7d2e8330-3940-56a5-b179-d5a207eb831d","order_type":"market","leg":"entry","liquidity":"taker","remaining":0}}
01a2292c-57dd-70d0-ba55-d0d900a90d2e	5	{"trade_id":"771a068a-d8c5-5faf-ba77-478d0815acd5","session_id":"01a2292c-57dd-70d0-ba55-d0d900a90d2e","symbol":"BTCUSD","action":"SELL","quantity":1.08389236,"price":87788.27,"status":"FILLED","timestamp":"2026-01-05T00:00:37.340471Z","user_id":"alice","strategy_id":"01a2292c-57b9-779a-af67-88bfcd90b1e3","signal_id":"f8b2a7fc-1cb1-5b78-bd22-dd3463666035","fee":95.15303515,"slippage":0,"realized_pnl":152.7873422,"cash":100057.88224743,"position":0,"reason":"SMA(10) 87,792.88 crossed below SMA(30) 87,795.28","sequence":5,"order":{"order_id":"f8b2a7fc-1cb1-5b78-bd22-dd3463666035","order_type":"market","leg":"entry","liquidity":"taker","remaining":0}}
01a2292c-57dd-70d0-ba55-d0d900a90d2e	7	{"trade_id":"73aae22c-5a20-5fc4-b031-ef1fbf87b41b","session_id":"01a2292c-57dd-70d0-ba55-d0d900a90d2e","symbol":"BTCUSD","action":"BUY","quantity":1.08569794,"price":87464.5,"status":"FILLED","timestamp":"2026-01-05T00:00:58.082565Z","user_id":"alice","strategy_id":"01a2292c-57b9-779a-af67-88bfcd90b1e3","signal_id":"160ac1f7-dac8-5014-b6bd-d473adfd84cb","fee":94.96002747,"slippage":0,"realized_pnl":-94.96002747,"cash":5002.89474683,"position":1.08569794,"reason":"SMA(10) 87,439.99 crossed above SMA(30) 87,436.48","sequence":7,"order":{"order_id":"160ac1f7-dac8-5014-b6bd-d473adfd84cb","order_type":"market","leg":"entry","liquidity":"taker","remaining":0}}
\.
COPY forward_test.orders (session_id, order_id, signal_id, first_sequence, sequence, status, action, order_type, leg, time_in_force, quantity, filled, limit_price, stop_price, reason, created_at, updated_at) FROM stdin;
01a2292c-57dd-70d0-ba55-d0d900a90d2e	7d2e8330-3940-56a5-b179-d5a207eb831d	7d2e8330-3940-56a5-b179-d5a207eb831d	3	3	FILLED	BUY	market	entry	gtc	1.08389236	1.08389236	\N	\N	SMA(10) 87,549.45 crossed above SMA(30) 87,547.28	2026-01-05 00:00:18.093451+00	2026-01-05 00:00:18.093451+00
01a2292c-57dd-70d0-ba55-d0d900a90d2e	f8b2a7fc-1cb1-5b78-bd22-dd3463666035	f8b2a7fc-1cb1-5b78-bd22-dd3463666035	5	5	FILLED	SELL	market	entry	gtc	1.08389236	1.08389236	\N	\N	SMA(10) 87,792.88 crossed below SMA(30) 87,795.28	2026-01-05 00:00:37.340471+00	2026-01-05 00:00:37.340471+00
01a2292c-57dd-70d0-ba55-d0d900a90d2e	160ac1f7-dac8-5014-b6bd-d473adfd84cb	160ac1f7-dac8-5014-b6bd-d473adfd84cb	7	7	FILLED	BUY	market	entry	gtc	1.08569794	1.08569794	\N	\N	SMA(10) 87,439.99 crossed above SMA(30) 87,436.48	2026-01-05 00:00:58.082565+00	2026-01-05 00:00:58.082565+00
\.
COPY forward_test.sessions (id, user_id, name, strategy_id, strategy_name, strategy_version, symbol, timeframe, initial_balance, fee_rate, status, status_reason, deployed, cash, "position", equity, last_price, realized_pnl, fees, trades, return_pct, sequence, created_at, started_at, stopped_at, terms, metrics, closing, withdrawn) FROM stdin;
01a2292c-57dd-70d0-ba55-d0d900a90d2e	alice	BTCUSD tick	01a2292c-57b9-779a-af67-88bfcd90b1e3	SMA 10/30	1	BTCUSD	tick	100000	0.001	RUNNING	\N	t	5002.89474683	1.08569794	99962.92221996	87464.5	-37.07778004	285.01815739	3	-0.03707778	8	2026-11-29 21:18:21.667379+00	2026-11-29 21:18:21.687298+00	\N	\N	{"equity":99962.92221996,"return_pct":-0.03707778,"buy_and_hold_pct":-0.35891048,"max_drawdown":94.96002747,"max_drawdown_pct":0.09490509,"max_drawdown_seconds":20,"sharpe":null,"sortino":null,"calmar":-1053.684264985155,"profit_factor":null,"expectancy":152.7873422,"win_rate_pct":100,"average_win":152.7873422,"average_loss":null,"wins":1,"losses":0,"fills":3,"rejected":0,"cancelled":0,"exposure_pct":33.22052944,"turnover":285018.1573970144,"fees":285.01815739,"slippage":0,"minutes":0}	f	f
\.
COPY forward_test.snapshots (unit, positions, state, updated_at) FROM stdin;
0	{7,317,0}	\\x7b2276657273696f6e223a312c226170706c696564223a5b7b226f6666736574223a3331362c22696473223a5b2232623138373733342d393232352d353637342d623139612d396161633536346436396435225d7d2c7b226f6666736574223a6e756c6c2c22696473223a5b5d7d5d2c2273657373696f6e73223a7b7d7d	2026-11-29 21:18:23.332762+00
1	{12,299,0}	\\x7b2276657273696f6e223a312c226170706c696564223a5b7b226f6666736574223a3239382c22696473223a5b2233346533626362392d653338312d356538382d393439392d666161626339653465613931225d7d2c7b226f6666736574223a6e756c6c2c22696473223a5b5d7d5d2c2273657373696f6e73223a7b2230316132323932632d353764642d373064302d626135352d643064393030613930643265223a7b22757365725f6964223a22616c696365222c2273747261746567795f6964223a2230316132323932632d353762392d373739612d616636372d383862666364393062316533222c2273796d626f6c223a22425443555344222c226163636f756e74223a7b2276657273696f6e223a322c227465726d73223a7b22696e697469616c5f62616c616e6365223a22313030303030222c226665655f72617465223a22302e303031227d2c227374617465223a2252554e4e494e47222c2273657175656e6365223a382c226c6564676572223a7b2263617368223a22353030322e38393437343638333030222c22706f736974696f6e223a22312e3038353639373934222c22636f73745f6261736973223a2239343936302e30323734373331333030222c227265616c697a65645f706e6c223a222d33372e30373737383030343030222c2266656573223a223238352e3031383135373339227d2c2270656e64696e67223a5b5d2c226c6173745f7072696365223a2238373437362e3634222c22657175697479223a2239393937362e31303235393239353136222c226c6173745f6d696e757465223a32393435393532302c22636f756e7473223a7b22747261646573223a3239392c227369676e616c73223a332c2266696c6c73223a332c2272656a6563746564223a302c2263616e63656c6c6564223a307d2c226d657472696373223a7b227065616b5f657175697479223a223130303035372e38383232343734333030222c226d61785f64726177646f776e223a2239342e39363030323734373030222c226d61785f64726177646f776e5f706374223a22302e3039343930353039222c2277696e73223a312c226c6f73736573223a302c226d6f7265223a7b227065616b5f6174223a313736373537313233373334303437312c226c6f6e676573745f64726177646f776e223a32303734323039342c226576656e73223a302c2267726f73735f70726f666974223a223135322e37383733343232303030222c2267726f73735f6c6f7373223a2230222c227475726e6f766572223a223238353031382e31353733393730313434222c22736c697070616765223a22302e303030303030303030222c2266697273745f7072696365223a2238373737392e3535222c226c6174657374223a313736373537313235393136373139382c22656c6170736564223a35393032313735392c226578706f736564223a32303333313635332c226d696e7574655f636c6f7365223a22313030303030222c226d696e75746573223a302c2273756d223a2230222c2273717561726573223a2230222c2266616c6c696e675f73717561726573223a2230227d7d2c227269736b223a7b226d696e757465223a302c226f7264657273223a302c22646179223a6e756c6c2c226461795f7374617274223a2230222c2268696768657374223a2230222c22626c6f636b6564223a6e756c6c7d2c22706175736564223a66616c73652c22636c6f73696e67223a66616c73657d2c22646179223a32303435387d7d7d	2026-11-29 21:18:23.332762+00
2	{9,284,0}	\\x7b2276657273696f6e223a312c226170706c696564223a5b7b226f6666736574223a3238332c22696473223a5b2261393065663535632d636264342d353534322d626635642d343563653663333065643363225d7d2c7b226f6666736574223a6e756c6c2c22696473223a5b5d7d5d2c2273657373696f6e73223a7b7d7d	2026-11-29 21:18:23.332762+00
\.
COPY market_data._migrations (version, description, installed_on, success, checksum, execution_time) FROM stdin;
1	subscriptions	2026-11-29 21:18:20.349046+00	t	\\x9d029cb588d4763fd6ba0ee7552776a9a214cdf85b391c526bcad3c90d4e0a3ac963ae79270333be9cbee778c796f401	14366309
\.
COPY market_data.subscriptions (product_id, requested_by, created_at) FROM stdin;
BTC-USD	forward-test	2026-11-29 21:18:21.66616+00
\.
COPY notification._migrations (version, description, installed_on, success, checksum, execution_time) FROM stdin;
1	notifications	2026-11-29 21:18:20.414849+00	t	\\x18668a9853479125bab39372bfc7f1d50f5a9a49e1d8bd7345f27ffaf622c8a32e4ebdd4714259a8417971e6424781e0	2816503
\.
COPY notification.notifications (id, user_id, title, message, severity, at, record_partition, record_offset) FROM stdin;
1	alice	Hello	World	info	2026-11-29 21:18:22.98485+00	1	0
\.
COPY strategy._migrations (version, description, installed_on, success, checksum, execution_time) FROM stdin;
1	strategies	2026-11-29 21:18:20.471237+00	t	\\x7a7b961fe3b6646f06b94f8d3f0e88cb44c4dc65a6e1741c34dd5d6254430494c8078c5081262825280d24287d2d5774	12309173
2	scripts	2026-11-29 21:18:20.49155+00	t	\\x3089a559b4c9125df70aae06b0c3e9ca191b35476da9f5076226ef439dfa9a00054eccc36e98abf4aa313a3ce2476e68	13940556
9	audit	2026-11-29 21:18:20.508314+00	t	\\xdbb5f536c918690c9ae0cf3e1c846adbf54c73ef966e9b359b0efa628a73f903507edc837d1f8edb94ce4af31f24223b	20345259
10	commands	2026-11-29 21:18:20.528851+00	t	\\x7374844e319bfc6f6d14190e0802310f19c327549a6a2b8a110e4b01bef6186c6a5d91aa2576f4db71a84177fc7dad4b	9423176
46	ops takes audit rows	2026-11-29 21:18:20.541067+00	t	\\x89ccead373356ab51cffe6589c515c3dad592dd78afa5dcdacb36963a6ab13979ea7346d918c52b369d4a667f1c49fb1	10447097
\.
COPY strategy.audit_outbox (id, actor, action, subject, at) FROM stdin;
\.
COPY strategy.commands (id, session_id, unit, kind, body, "position", created_at) FROM stdin;
\.
COPY strategy.deployments (session_id, user_id, strategy_id, strategy_name, version, source, symbol, unit, timeframe, initial_balance, fee_rate, start_offset, stop_requested, stop_offset, created_at, kind, terms) FROM stdin;
01a2292c-57dd-70d0-ba55-d0d900a90d2e	alice	01a2292c-57b9-779a-af67-88bfcd90b1e3	SMA 10/30	1	{"name": "SMA crossover", "edges": [{"id": "price-sma-fast-price-in", "source": "price", "target": "sma-fast", "sourceHandle": "price-out", "targetHandle": "price-in"}, {"id": "price-sma-slow-price-in", "source": "price", "target": "sma-slow", "sourceHandle": "price-out", "targetHandle": "price-in"}, {"id": "sma-fast-cross-up-fast-in", "source": "sma-fast", "target": "cross-up", "sourceHandle": "sma-out", "targetHandle": "fast-in"}, {"id": "sma-slow-cross-up-slow-in", "source": "sma-slow", "target": "cross-up", "sourceHandle": "sma-out", "targetHandle": "slow-in"}, {"id": "sma-fast-cross-down-fast-in", "source": "sma-fast", "target": "cross-down", "sourceHandle": "sma-out", "targetHandle": "fast-in"}, {"id": "sma-slow-cross-down-slow-in", "source": "sma-slow", "target": "cross-down", "sourceHandle": "sma-out", "targetHandle": "slow-in"}, {"id": "cross-up-buy-trigger-in", "source": "cross-up", "target": "buy", "sourceHandle": "cross-out", "targetHandle": "trigger-in"}, {"id": "cross-down-sell-trigger-in", "source": "cross-down", "target": "sell", "sourceHandle": "cross-out", "targetHandle": "trigger-in"}], "nodes": [{"id": "price", "data": {"priceType": "close"}, "type": "priceNode", "position": {"x": 0, "y": 130}}, {"id": "sma-fast", "data": {"period": 10}, "type": "smaNode", "position": {"x": 260, "y": 0}}, {"id": "sma-slow", "data": {"period": 30}, "type": "smaNode", "position": {"x": 260, "y": 260}}, {"id": "cross-up", "data": {"crossType": "above"}, "type": "crossoverNode", "position": {"x": 520, "y": 0}}, {"id": "cross-down", "data": {"crossType": "below"}, "type": "crossoverNode", "position": {"x": 520, "y": 260}}, {"id": "buy", "data": {"quantity": 95, "sizeType": "percent_of_cash", "orderType": "market"}, "type": "buyNode", "position": {"x": 780, "y": 0}}, {"id": "sell", "data": {"quantity": 100, "sizeType": "percent_of_position", "orderType": "market"}, "type": "sellNode", "position": {"x": 780, "y": 260}}]}	BTCUSD	1	tick	100000	0.001	0	f	\N	2026-11-29 21:18:21.672956+00	graph	\N
\.
COPY strategy.snapshots (unit, positions, state, updated_at) FROM stdin;
0	{317}	\\x01010645544855534407323931382e33381b323032362d30312d30355430303a30303a35392e3139303936335a01bdb2d0dbb83300	2026-11-29 21:18:23.021332+00
1	{299}	\\x0101064254435553440838373437362e36341b323032362d30312d30355430303a30303a35392e3136373139385a01abb2d0dbb833011001a2292c57dd70d0ba55d0d900a90d2ed2014154534502f8a3051537b88cc0eb825f6fd097c0c8b41f470112d4f075bd1c4c75248ded8d000200d6040000148eafab08acb8ab08c4aeab08dec4ab0886d2ab08a4d7ab08c4d8ab08d8dfab088ee0ab08a0eaab083cd0c2ab08fab8ab089cadab08869bab08a896ab08ae8fab088a92ab08908aab08aafcaa0880fcaa08ca82ab08ce80ab089a80ab08f08fab089096ab088697ab08c0a5ab08e0aaab08daa7ab0880aeab088eafab08acb8ab08c4aeab08dec4ab0886d2ab08a4d7ab08c4d8ab08d8dfab088ee0ab08a0eaab0802020000	2026-11-29 21:18:23.021332+00
2	{284}	\\x010106534f4c555344063133372e34311b323032362d30312d30355430303a30303a35392e3130373034305a019cb2d0dbb83300	2026-11-29 21:18:23.021332+00
\.
COPY strategy.strategies (id, user_id, name, description, kind, version, created_at, updated_at) FROM stdin;
01a2292c-57b9-779a-af67-88bfcd90b1e3	alice	SMA 10/30		graph	1	2026-11-29 21:18:21.638527+00	2026-11-29 21:18:21.638527+00
\.
COPY strategy.versions (strategy_id, version, source, diagnostics, plan_hash, created_at, kind) FROM stdin;
01a2292c-57b9-779a-af67-88bfcd90b1e3	1	{"name": "SMA crossover", "edges": [{"id": "price-sma-fast-price-in", "source": "price", "target": "sma-fast", "sourceHandle": "price-out", "targetHandle": "price-in"}, {"id": "price-sma-slow-price-in", "source": "price", "target": "sma-slow", "sourceHandle": "price-out", "targetHandle": "price-in"}, {"id": "sma-fast-cross-up-fast-in", "source": "sma-fast", "target": "cross-up", "sourceHandle": "sma-out", "targetHandle": "fast-in"}, {"id": "sma-slow-cross-up-slow-in", "source": "sma-slow", "target": "cross-up", "sourceHandle": "sma-out", "targetHandle": "slow-in"}, {"id": "sma-fast-cross-down-fast-in", "source": "sma-fast", "target": "cross-down", "sourceHandle": "sma-out", "targetHandle": "fast-in"}, {"id": "sma-slow-cross-down-slow-in", "source": "sma-slow", "target": "cross-down", "sourceHandle": "sma-out", "targetHandle": "slow-in"}, {"id": "cross-up-buy-trigger-in", "source": "cross-up", "target": "buy", "sourceHandle": "cross-out", "targetHandle": "trigger-in"}, {"id": "cross-down-sell-trigger-in", "source": "cross-down", "target": "sell", "sourceHandle": "cross-out", "targetHandle": "trigger-in"}], "nodes": [{"id": "price", "data": {"priceType": "close"}, "type": "priceNode", "position": {"x": 0, "y": 130}}, {"id": "sma-fast", "data": {"period": 10}, "type": "smaNode", "position": {"x": 260, "y": 0}}, {"id": "sma-slow", "data": {"period": 30}, "type": "smaNode", "position": {"x": 260, "y": 260}}, {"id": "cross-up", "data": {"crossType": "above"}, "type": "crossoverNode", "position": {"x": 520, "y": 0}}, {"id": "cross-down", "data": {"crossType": "below"}, "type": "crossoverNode", "position": {"x": 520, "y": 260}}, {"id": "buy", "data": {"quantity": 95, "sizeType": "percent_of_cash", "orderType": "market"}, "type": "buyNode", "position": {"x": 780, "y": 0}}, {"id": "sell", "data": {"quantity": 100, "sizeType": "percent_of_position", "orderType": "market"}, "type": "sellNode", "position": {"x": 780, "y": 260}}]}	[]	f8a3051537b88cc0eb825f6fd097c0c8b41f470112d4f075bd1c4c75248ded8d	2026-11-29 21:18:21.638527+00	graph
\.
SELECT pg_catalog.setval('forward_test.audit_outbox_id_seq', 2, true);
SELECT pg_catalog.setval('notification.notifications_id_seq', 1, true);
SELECT pg_catalog.setval('strategy.audit_outbox_id_seq', 1, true);
ALTER TABLE ONLY forward_test._migrations
    ADD CONSTRAINT _migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY forward_test.audit_outbox
    ADD CONSTRAINT audit_outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY forward_test.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY forward_test.equity
    ADD CONSTRAINT equity_pkey PRIMARY KEY (session_id, sequence);
ALTER TABLE ONLY forward_test.executions
    ADD CONSTRAINT executions_pkey PRIMARY KEY (session_id, sequence);
ALTER TABLE ONLY forward_test.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (session_id, order_id);
ALTER TABLE ONLY forward_test.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY forward_test.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (unit);
ALTER TABLE ONLY market_data._migrations
    ADD CONSTRAINT _migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY market_data.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (product_id, requested_by);
ALTER TABLE ONLY notification._migrations
    ADD CONSTRAINT _migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY notification.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (id);
ALTER TABLE ONLY notification.notifications
    ADD CONSTRAINT notifications_record_partition_record_offset_at_key UNIQUE (record_partition, record_offset, at);
ALTER TABLE ONLY strategy._migrations
    ADD CONSTRAINT _migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY strategy.audit_outbox
    ADD CONSTRAINT audit_outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY strategy.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY strategy.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (session_id);
ALTER TABLE ONLY strategy.snapshots
    ADD CONSTRAINT snapshots_pkey PRIMARY KEY (unit);
ALTER TABLE ONLY strategy.strategies
    ADD CONSTRAINT strategies_pkey PRIMARY KEY (id);
ALTER TABLE ONLY strategy.versions
    ADD CONSTRAINT versions_pkey PRIMARY KEY (strategy_id, version);
CREATE INDEX commands_unsent ON forward_test.commands USING btree (created_at) WHERE (NOT sent);
CREATE INDEX orders_newest ON forward_test.orders USING btree (session_id, first_sequence DESC);
CREATE INDEX sessions_active ON forward_test.sessions USING btree (status) WHERE (status = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'PAUSED'::text, 'CLOSING'::text, 'STOPPING'::text]));
CREATE INDEX sessions_by_user ON forward_test.sessions USING btree (user_id, created_at DESC, id DESC);
CREATE INDEX notifications_of_user ON notification.notifications USING btree (user_id, id DESC);
CREATE INDEX commands_by_position ON strategy.commands USING btree (unit, "position");
CREATE INDEX deployments_pending ON strategy.deployments USING btree (unit) WHERE ((start_offset IS NULL) OR (stop_requested AND (stop_offset IS NULL)));
CREATE INDEX strategies_by_user ON strategy.strategies USING btree (user_id, created_at, id);
CREATE TRIGGER sessions_audit AFTER INSERT OR DELETE ON forward_test.sessions FOR EACH ROW EXECUTE FUNCTION forward_test.audit();
CREATE TRIGGER sessions_status_audit AFTER UPDATE OF status ON forward_test.sessions FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION forward_test.audit();
CREATE TRIGGER strategies_audit AFTER INSERT OR DELETE OR UPDATE ON strategy.strategies FOR EACH ROW EXECUTE FUNCTION strategy.audit();
ALTER TABLE ONLY strategy.commands
    ADD CONSTRAINT commands_session_id_fkey FOREIGN KEY (session_id) REFERENCES strategy.deployments(session_id) ON DELETE CASCADE;
ALTER TABLE ONLY strategy.versions
    ADD CONSTRAINT versions_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES strategy.strategies(id) ON DELETE CASCADE;
