BEGIN TRANSACTION;
CREATE TABLE accounts (
	username VARCHAR(64) NOT NULL, 
	name JSON NOT NULL, 
	password TEXT NOT NULL, 
	roles JSON NOT NULL, 
	sites JSON, 
	PRIMARY KEY (username)
);
INSERT INTO "accounts" VALUES('officer','{"zh": "\u7532", "en": "officer"}','$argon2id$v=19$m=8,t=1,p=1$3t/0DSXqudjtFdFlTmUB6g$oNPetnZszonh0hDZ0kZAFYgBesf4aMTXSzBRDdM2HLI','["officer"]','["school-1"]');
INSERT INTO "accounts" VALUES('fixer','{"zh": "\u7532", "en": "fixer"}','$argon2id$v=19$m=8,t=1,p=1$Tb2pmsA/YFOfcjOp9N95RA$gG8hlVXclpyKlEKUj4Woj5mXm/lFIwEpS6ORFkExprQ','["fixer"]','["school-1"]');
INSERT INTO "accounts" VALUES('viewer','{"zh": "\u7532", "en": "viewer"}','$argon2id$v=19$m=8,t=1,p=1$pZxzb6nAP/UN1X5J8qgSVQ$gHbIPO7R9YtkBjBC0NqEcpb0mUVF2UrNVwIkLM/VAG8','["viewer"]','["school-1"]');
INSERT INTO "accounts" VALUES('city','{"zh": "city", "en": "city"}','$argon2id$v=19$m=8,t=1,p=1$EGjsUWon123kgCev4a4ndA$SZKsO8CKHxFkI3VJ2lki791BPZMUoDdZhdfBjPa1tqc','["city"]','null');
CREATE TABLE assignments (
	site VARCHAR(64) NOT NULL, 
	sensor VARCHAR(256) NOT NULL, 
	place VARCHAR(128) NOT NULL, 
	PRIMARY KEY (site, sensor)
);
INSERT INTO "assignments" VALUES('school-1','smoke-102','d-102');
CREATE TABLE cursors (
	name VARCHAR(64) NOT NULL, 
	position BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cursors" VALUES('detections',4);
INSERT INTO "cursors" VALUES('detections_rows',0);
INSERT INTO "cursors" VALUES('detections_urgent',3);
INSERT INTO "cursors" VALUES('detections_urgent_rows',0);
CREATE TABLE findings (
	id VARCHAR(32) NOT NULL, 
	hazard VARCHAR(32) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	sensor VARCHAR(256) NOT NULL, 
	metric VARCHAR(64) NOT NULL, 
	rule VARCHAR(64) NOT NULL, 
	detector VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	level INTEGER NOT NULL, 
	active BOOLEAN NOT NULL, 
	first_ns BIGINT NOT NULL, 
	last_ns BIGINT NOT NULL, 
	gateway_ns BIGINT NOT NULL, 
	arrival_ns BIGINT NOT NULL, 
	decided_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	cleared_ns BIGINT, 
	score FLOAT NOT NULL, 
	late BOOLEAN NOT NULL, 
	drill BOOLEAN NOT NULL, 
	lane VARCHAR(8) NOT NULL, 
	evidence JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "findings" VALUES('d478ca5c27ecfb6e22ee49d6','52a86338874d87942ca51da4','school-1','smoke-101','smoke_density','smoke-limit','threshold','fire',2,0,1790000001000000000,1790000001000000000,0,1790000001000000000,1790000001000000000,1790000000000000000,1790000060000000000,0.9,0,0,'live','{"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "clears": {"zh": "\u7ea7\u522b2", "en": "level 2"}}');
INSERT INTO "findings" VALUES('4315ad7b29c297c5a6d4f506','52a86338874d87942ca51da4','school-1','smoke-101b','smoke_density','smoke-limit','threshold','fire',3,0,1790000002000000000,1790000002000000000,0,1790000002000000000,1790000002000000000,1790000000000000000,1790000061000000000,0.9,0,0,'live','{"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "clears": {"zh": "\u7ea7\u522b3", "en": "level 3"}}');
INSERT INTO "findings" VALUES('8477592bce419538a6b259bf','09675bf69f613ec7e0b95f0e','school-1','level-1','level','water-level','threshold','flood',3,1,1790000004000000000,1790000090000000000,0,1790000004000000000,1790000090000000000,1790000005000000000,NULL,0.9,0,0,'live','{"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "clears": {"zh": "\u7ea7\u522b3", "en": "level 3"}}');
INSERT INTO "findings" VALUES('168442b445fae2ebad0393ef','2b8906b5be3bf38d8bf619bf','school-1','smoke-102','smoke_density','smoke-limit','threshold','fire',2,1,1790000005000000000,1790000005000000000,0,1790003605000000000,1790003605000000000,1790000005000000000,NULL,0.9,1,0,'late','{"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "clears": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "lane": "late"}');
INSERT INTO "findings" VALUES('0fe1f54d254e480b0a4af186','00b70c85d32114417e767238','school-2','smoke-101','smoke_density','smoke-limit','threshold','fire',2,1,1790000006000000000,1790000006000000000,0,1790000006000000000,1790000006000000000,1790000005000000000,NULL,0.9,0,1,'live','{"window_s": 10, "limit": 0.1, "value": 0.3, "unit": "dB/m", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "clears": {"zh": "\u7ea7\u522b2", "en": "level 2"}}');
CREATE TABLE hazards (
	id VARCHAR(32) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	place VARCHAR(300) NOT NULL, 
	cause VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	grade INTEGER NOT NULL, 
	likelihood FLOAT NOT NULL, 
	severity FLOAT NOT NULL, 
	method VARCHAR(32) NOT NULL, 
	active BOOLEAN NOT NULL, 
	late BOOLEAN NOT NULL, 
	drill BOOLEAN NOT NULL, 
	count INTEGER NOT NULL, 
	opened_ns BIGINT NOT NULL, 
	updated_ns BIGINT NOT NULL, 
	cleared_ns BIGINT, 
	gateway_ns BIGINT NOT NULL, 
	arrival_ns BIGINT NOT NULL, 
	decided_ns BIGINT NOT NULL, 
	recorded_ns BIGINT NOT NULL, 
	acknowledged_by VARCHAR(64), 
	acknowledged_ns BIGINT, 
	text JSON NOT NULL, 
	clears JSON NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "hazards" VALUES('52a86338874d87942ca51da4','school-1','dorm','d-101','fire','fire',1,4.0,5.0,'ls 1',0,0,0,2,1790000001000000000,1790000061000000000,1790000061000000000,0,1790000001000000000,1790000001000000000,1790000000000000000,'operator',1790000005000000000,'{"zh": "\u7ea7\u522b3", "en": "level 3"}','{"zh": "\u7ea7\u522b3", "en": "level 3"}',4);
INSERT INTO "hazards" VALUES('09675bf69f613ec7e0b95f0e','school-1','pond','bank','flood','flood',1,5.0,4.0,'ls 1',1,0,0,1,1790000004000000000,1790000090000000000,NULL,0,1790000004000000000,1790000004000000000,1790000005000000000,NULL,NULL,'{"zh": "\u7ea7\u522b3", "en": "level 3"}','{"zh": "\u7ea7\u522b3", "en": "level 3"}',2);
INSERT INTO "hazards" VALUES('2b8906b5be3bf38d8bf619bf','school-1','dorm','d-102','fire','fire',1,4.0,5.0,'ls 1',1,1,0,1,1790000005000000000,1790000005000000000,NULL,0,1790003605000000000,1790003605000000000,1790000005000000000,NULL,NULL,'{"zh": "\u7ea7\u522b2", "en": "level 2"}','{"zh": "\u7ea7\u522b2", "en": "level 2"}',1);
INSERT INTO "hazards" VALUES('00b70c85d32114417e767238','school-2','dorm','d-101','fire','fire',1,4.0,5.0,'ls 1',1,0,1,1,1790000006000000000,1790000006000000000,NULL,0,1790000006000000000,1790000006000000000,1790000005000000000,NULL,NULL,'{"zh": "\u7ea7\u522b2", "en": "level 2"}','{"zh": "\u7ea7\u522b2", "en": "level 2"}',1);
CREATE TABLE ignored (
	site VARCHAR(64) NOT NULL, 
	sensor VARCHAR(256) NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	PRIMARY KEY (site, sensor)
);
INSERT INTO "ignored" VALUES('school-1','stranger-7','next door''s');
CREATE TABLE journal (
	seq INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	subject VARCHAR(128) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "journal" VALUES(1,'{"actor":"officer","at":1790000000000000000,"facts":{"address":"test"},"kind":"session.opened","site":"","subject":"officer"}','','session.opened','officer','85b115d4fa1034f727853cafe7e851cdb3303c6522210ad71f4339a98d745dcd');
INSERT INTO "journal" VALUES(2,'{"actor":"system","at":1790000000000000000,"facts":{"arrival_ns":1790000001000000000,"decided_ns":1790000001000000000,"drill":false,"event_ns":1790000001000000000,"gateway_ns":0,"grade":"red","late":false,"level":2,"likelihood":4.0,"method":"ls 1","metric":"smoke_density","place":"d-101","rule":"smoke-limit","sensor":"smoke-101","severity":5.0,"text":{"en":"level 2","zh":"级别2"}},"kind":"hazard.opened","site":"school-1","subject":"52a86338874d87942ca51da4"}','school-1','hazard.opened','52a86338874d87942ca51da4','d1a1fd453622c419a24e46a9415af2570d85f7bd2fe2e7156452a9d4af7b3e75');
INSERT INTO "journal" VALUES(3,'{"actor":"system","at":1790000000000000000,"facts":{"grade":"red","hazard":"52a86338874d87942ca51da4","number":"school-1-2026-000001"},"kind":"ticket.opened","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.opened','82604ee1c3b31896ddf75716','ee437064cdb8eb2232543dfa0c289e808c698b26a1244f09b9c28af12aebf4a7');
INSERT INTO "journal" VALUES(4,'{"actor":"system","at":1790000000000000000,"facts":{"from":"found","to":"registered"},"kind":"ticket.register","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.register','82604ee1c3b31896ddf75716','92c6bd2f1cedbc9b83eab610bc444b1329ac60bc24ef3cf126abebf65bae08b8');
INSERT INTO "journal" VALUES(5,'{"actor":"system","at":1790000000000000000,"facts":{"from":"registered","to":"graded"},"kind":"ticket.grade","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.grade','82604ee1c3b31896ddf75716','f43aa7c21b3023cd7da75524c2feb16b7e7834823159540f2ba6b29615b54b95');
INSERT INTO "journal" VALUES(6,'{"actor":"system","at":1790000000000000000,"facts":{"arrival_ns":1790000002000000000,"decided_ns":1790000002000000000,"drill":false,"event_ns":1790000002000000000,"gateway_ns":0,"grade":"red","late":false,"level":3,"likelihood":4.0,"method":"ls 1","metric":"smoke_density","place":"d-101","rule":"smoke-limit","sensor":"smoke-101b","severity":5.0,"text":{"en":"level 3","zh":"级别3"}},"kind":"hazard.joined","site":"school-1","subject":"52a86338874d87942ca51da4"}','school-1','hazard.joined','52a86338874d87942ca51da4','fd076ece7844fb04637541c512a3ce63c581350b6301f0f962a99dd856a9a3a3');
INSERT INTO "journal" VALUES(7,'{"actor":"system","at":1790000005000000000,"facts":{"arrival_ns":1790000004000000000,"decided_ns":1790000004000000000,"drill":false,"event_ns":1790000004000000000,"gateway_ns":0,"grade":"yellow","late":false,"level":1,"likelihood":3.0,"method":"ls 1","metric":"level","place":"bank","rule":"water-level","sensor":"level-1","severity":4.0,"text":{"en":"level 1","zh":"级别1"}},"kind":"hazard.opened","site":"school-1","subject":"09675bf69f613ec7e0b95f0e"}','school-1','hazard.opened','09675bf69f613ec7e0b95f0e','5e8ee0b7b1d63bfe0eb1d01e60a8796b6e74dd4867ba0cee2e05d43da290f906');
INSERT INTO "journal" VALUES(8,'{"actor":"system","at":1790000005000000000,"facts":{"grade":"yellow","hazard":"09675bf69f613ec7e0b95f0e","number":"school-1-2026-000002"},"kind":"ticket.opened","site":"school-1","subject":"35f4699b449f0993d173d889"}','school-1','ticket.opened','35f4699b449f0993d173d889','94fb82e38ea9d7f1af9a683454e0c40657a0119a7e2dc44279cba371385b2c29');
INSERT INTO "journal" VALUES(9,'{"actor":"system","at":1790000005000000000,"facts":{"from":"found","to":"registered"},"kind":"ticket.register","site":"school-1","subject":"35f4699b449f0993d173d889"}','school-1','ticket.register','35f4699b449f0993d173d889','2b27d0b88d07fd67037a108727fce440105b02a02d95e05ccb013268989fbf60');
INSERT INTO "journal" VALUES(10,'{"actor":"system","at":1790000005000000000,"facts":{"from":"registered","to":"graded"},"kind":"ticket.grade","site":"school-1","subject":"35f4699b449f0993d173d889"}','school-1','ticket.grade','35f4699b449f0993d173d889','110047a9668b6aa3c440b95b02e74e2d0c4c8c5295199f837ec434462d8bf685');
INSERT INTO "journal" VALUES(11,'{"actor":"system","at":1790000005000000000,"facts":{"arrival_ns":1790003605000000000,"decided_ns":1790003605000000000,"drill":false,"event_ns":1790000005000000000,"gateway_ns":0,"grade":"red","late":true,"level":2,"likelihood":4.0,"method":"ls 1","metric":"smoke_density","place":"d-102","rule":"smoke-limit","sensor":"smoke-102","severity":5.0,"text":{"en":"level 2","zh":"级别2"}},"kind":"hazard.opened","site":"school-1","subject":"2b8906b5be3bf38d8bf619bf"}','school-1','hazard.opened','2b8906b5be3bf38d8bf619bf','cffa49b23b75f9ea6c5625212610845a69def1ea073722d7b800c8c4984cdd86');
INSERT INTO "journal" VALUES(12,'{"actor":"system","at":1790000005000000000,"facts":{"grade":"red","hazard":"2b8906b5be3bf38d8bf619bf","number":"school-1-2026-000003"},"kind":"ticket.opened","site":"school-1","subject":"d3d4224a1192c4e5ba5894b3"}','school-1','ticket.opened','d3d4224a1192c4e5ba5894b3','d70d098d4cbf4020ea51deba6d4463ada1a784ef1491f1842228e2a90088b0dd');
INSERT INTO "journal" VALUES(13,'{"actor":"system","at":1790000005000000000,"facts":{"from":"found","to":"registered"},"kind":"ticket.register","site":"school-1","subject":"d3d4224a1192c4e5ba5894b3"}','school-1','ticket.register','d3d4224a1192c4e5ba5894b3','7c0d4acc24733e26863f9499a8a0b2fc1f4b994bfc27fe0e3790d31054ea1ac6');
INSERT INTO "journal" VALUES(14,'{"actor":"system","at":1790000005000000000,"facts":{"from":"registered","to":"graded"},"kind":"ticket.grade","site":"school-1","subject":"d3d4224a1192c4e5ba5894b3"}','school-1','ticket.grade','d3d4224a1192c4e5ba5894b3','7ba67eb91b4be62810f1668426e176aa817b9b12adced0841464dd3eed6c1edf');
INSERT INTO "journal" VALUES(15,'{"actor":"system","at":1790000005000000000,"facts":{"arrival_ns":1790000006000000000,"decided_ns":1790000006000000000,"drill":true,"event_ns":1790000006000000000,"gateway_ns":0,"grade":"red","late":false,"level":2,"likelihood":4.0,"method":"ls 1","metric":"smoke_density","place":"d-101","rule":"smoke-limit","sensor":"smoke-101","severity":5.0,"text":{"en":"level 2","zh":"级别2"}},"kind":"hazard.opened","site":"school-2","subject":"00b70c85d32114417e767238"}','school-2','hazard.opened','00b70c85d32114417e767238','1630fdac77ada7d9ebe4efd8fa7b15039af039bc654ef35e5b8ee637da70db8f');
INSERT INTO "journal" VALUES(16,'{"actor":"system","at":1790000005000000000,"facts":{"arrival_ns":1790000061000000000,"decided_ns":1790000061000000000,"drill":false,"event_ns":1790000061000000000,"gateway_ns":0,"grade":"red","late":false,"level":2,"likelihood":4.0,"method":"ls 1","metric":"smoke_density","place":"d-101","rule":"smoke-limit","sensor":"smoke-101b","severity":5.0,"text":{"en":"level 2","zh":"级别2"}},"kind":"hazard.cleared","site":"school-1","subject":"52a86338874d87942ca51da4"}','school-1','hazard.cleared','52a86338874d87942ca51da4','9deb8e7fadae0574361b0fb81e4e4a7802cb0d23cf6a69811cf1fd688966bbc3');
INSERT INTO "journal" VALUES(17,'{"actor":"operator","at":1790000005000000000,"facts":{"grade":"red"},"kind":"hazard.acknowledged","site":"school-1","subject":"52a86338874d87942ca51da4"}','school-1','hazard.acknowledged','52a86338874d87942ca51da4','df7e646931f5377f0ea41a59e1519f11aaf38162eef148781c0ec868994dc2e6');
INSERT INTO "journal" VALUES(18,'{"actor":"officer","at":1790000005000000000,"facts":{"fields":{"fixer":"fixer"},"from":"graded","to":"assigned"},"kind":"ticket.assign","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.assign','82604ee1c3b31896ddf75716','a92053ac9ed2db629ff2e9d783f636a8b84445e619c786bc3b52062197c5c0d1');
INSERT INTO "journal" VALUES(19,'{"actor":"fixer","at":1790000005000000000,"facts":{"fields":{},"from":"assigned","to":"taken"},"kind":"ticket.take","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.take','82604ee1c3b31896ddf75716','f7b848405a5653e9f0cbcbe8a5f304da25121cefd2cf5b3ddcc1d0df77aa1b94');
INSERT INTO "journal" VALUES(20,'{"actor":"fixer","at":1790000005000000000,"facts":{"fields":{},"from":"taken","to":"rectifying"},"kind":"ticket.start","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.start','82604ee1c3b31896ddf75716','c37ce05f2df7d57e151709322c7e1ccfab09c576e3c216d146376d1d51b7ae53');
INSERT INTO "journal" VALUES(21,'{"actor":"fixer","at":1790000005000000000,"facts":{"fields":{"note":"探测器已清洁 - cleaned"},"from":"rectifying","to":"submitted"},"kind":"ticket.submit","site":"school-1","subject":"82604ee1c3b31896ddf75716"}','school-1','ticket.submit','82604ee1c3b31896ddf75716','a7c55ba64713887fe655c07496d7c8c8776427e4d796e8493dfd206315f6c97b');
INSERT INTO "journal" VALUES(22,'{"actor":"officer","at":1790000005000000000,"facts":{"place":"d-102"},"kind":"sensor.assigned","site":"school-1","subject":"smoke-102"}','school-1','sensor.assigned','smoke-102','f3d50f05e8c60fbbc631d16ed0e946a0708dcb9ebeaa9c0d297475251fba3b76');
INSERT INTO "journal" VALUES(23,'{"actor":"officer","at":1790000005000000000,"facts":{"reason":"next door''s"},"kind":"sensor.ignored","site":"school-1","subject":"stranger-7"}','school-1','sensor.ignored','stranger-7','68766b8b441cc3fe875b02585897a22d2caf50ea8a9d165eaab98442401458d5');
INSERT INTO "journal" VALUES(24,'{"actor":"system","at":1790000005000000000,"facts":{"arrival_ns":1790000090000000000,"decided_ns":1790000090000000000,"drill":false,"event_ns":1790000090000000000,"gateway_ns":0,"grade":"red","late":false,"level":3,"likelihood":5.0,"method":"ls 1","metric":"level","place":"bank","rule":"water-level","sensor":"level-1","severity":4.0,"text":{"en":"level 3","zh":"级别3"}},"kind":"hazard.raised","site":"school-1","subject":"09675bf69f613ec7e0b95f0e"}','school-1','hazard.raised','09675bf69f613ec7e0b95f0e','d3c441322123b655058093c143052f79f5bc3220007f42bb4c9bfa0963b28466');
INSERT INTO "journal" VALUES(25,'{"actor":"system","at":1790000005000000000,"facts":{"grade":"red"},"kind":"ticket.regraded","site":"school-1","subject":"35f4699b449f0993d173d889"}','school-1','ticket.regraded','35f4699b449f0993d173d889','d77eb35b23920f888e1e5e2683cf14c014fddc4640b36e0279fbef8e2d105fd2');
CREATE TABLE meta (
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE notices (
	id VARCHAR(64) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	hazard VARCHAR(32) NOT NULL, 
	ticket VARCHAR(32) NOT NULL, 
	channel VARCHAR(64) NOT NULL, 
	type VARCHAR(64) NOT NULL, 
	created_ns BIGINT NOT NULL, 
	body JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_ns BIGINT NOT NULL, 
	delivered_ns BIGINT, 
	error TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "notices" VALUES('msg_608a7f97e1d627296b7f73cf','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.opened',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "found", "fixer": "", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000000000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_cc88d94f1ff6b54f645bdd24','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.register',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "registered", "fixer": "", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000000000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_e8dd062b87c6013de1ede10a','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.grade',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "graded", "fixer": "", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000000000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_9c1e7e31f0e84a37f40b36a6','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','hazard.opened',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:21.000+00:00", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "ticket": "school-1-2026-000001"}','pending',0,1790000000000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_f15c44702ab1de3fc6df2cb3','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','console','hazard.opened',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:21.000+00:00", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "ticket": "school-1-2026-000001"}','sent',0,1790000000000000000,1790000000000000000,'');
INSERT INTO "notices" VALUES('msg_b358f96a1911653c1086105c','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','hazard.joined',1790000000000000000,'{"alarm_id": "52a86338874d87942ca51da4", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:21.000+00:00", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "ticket": "school-1-2026-000001"}','pending',0,1790000000000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_d5f6ceb8943ff5bdb1f4e505','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','ticket.opened',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "ticket": "school-1-2026-000002", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "yellow", "state": "found", "fixer": "", "due_at": "2026-09-24T14:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_d8c35ee9ce711472ef2b2d55','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','ticket.register',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "ticket": "school-1-2026-000002", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "yellow", "state": "registered", "fixer": "", "due_at": "2026-09-24T14:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_bfe8170a9375c3bc646ca3c4','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','ticket.grade',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "ticket": "school-1-2026-000002", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "yellow", "state": "graded", "fixer": "", "due_at": "2026-09-24T14:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_96ceb65af52343aeeefd1413','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','hazard.opened',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "yellow", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:24.000+00:00", "text": {"zh": "\u7ea7\u522b1", "en": "level 1"}, "ticket": "school-1-2026-000002"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_63ad94e05f5089fa513d7314','school-1','2b8906b5be3bf38d8bf619bf','d3d4224a1192c4e5ba5894b3','hook','ticket.opened',1790000005000000000,'{"alarm_id": "2b8906b5be3bf38d8bf619bf", "ticket": "school-1-2026-000003", "site": "school-1", "zone": "dorm", "place": {"zh": "102\u5ba4", "en": "Room 102"}, "kind": "fire", "grade": "red", "state": "found", "fixer": "", "due_at": "2026-09-21T16:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_221c04ccbe693889399bd095','school-1','2b8906b5be3bf38d8bf619bf','d3d4224a1192c4e5ba5894b3','hook','ticket.register',1790000005000000000,'{"alarm_id": "2b8906b5be3bf38d8bf619bf", "ticket": "school-1-2026-000003", "site": "school-1", "zone": "dorm", "place": {"zh": "102\u5ba4", "en": "Room 102"}, "kind": "fire", "grade": "red", "state": "registered", "fixer": "", "due_at": "2026-09-21T16:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_df5aeb2aacce1841b0f2c6ee','school-1','2b8906b5be3bf38d8bf619bf','d3d4224a1192c4e5ba5894b3','hook','ticket.grade',1790000005000000000,'{"alarm_id": "2b8906b5be3bf38d8bf619bf", "ticket": "school-1-2026-000003", "site": "school-1", "zone": "dorm", "place": {"zh": "102\u5ba4", "en": "Room 102"}, "kind": "fire", "grade": "red", "state": "graded", "fixer": "", "due_at": "2026-09-21T16:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_b5401087eb1e8b3f86ed2e58','school-1','2b8906b5be3bf38d8bf619bf','d3d4224a1192c4e5ba5894b3','hook','hazard.opened',1790000005000000000,'{"alarm_id": "2b8906b5be3bf38d8bf619bf", "site": "school-1", "zone": "dorm", "place": {"zh": "102\u5ba4", "en": "Room 102"}, "kind": "fire", "grade": "red", "active": true, "late": true, "drill": false, "opened_at": "2026-09-21T14:13:25.000+00:00", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "ticket": "school-1-2026-000003"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_bb44511cf6f7f853065a26b9','school-2','00b70c85d32114417e767238','','hook','hazard.opened',1790000005000000000,'{"alarm_id": "00b70c85d32114417e767238", "site": "school-2", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "active": true, "late": false, "drill": true, "opened_at": "2026-09-21T14:13:26.000+00:00", "text": {"zh": "\u7ea7\u522b2", "en": "level 2"}, "ticket": null}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_7ccdec182b5f1fb3bcb54ceb','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','hazard.cleared',1790000005000000000,'{"alarm_id": "52a86338874d87942ca51da4", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "active": false, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:21.000+00:00", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "ticket": "school-1-2026-000001"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_a03d847631ca64f3fa1aeac0','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.assign',1790000005000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "assigned", "fixer": "fixer", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_e072e6b3c693184043aebf45','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.take',1790000005000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "taken", "fixer": "fixer", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_2163be71d14308677fac0e90','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.start',1790000005000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "rectifying", "fixer": "fixer", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_9a5760dca3a5508c8ff84174','school-1','52a86338874d87942ca51da4','82604ee1c3b31896ddf75716','hook','ticket.submit',1790000005000000000,'{"alarm_id": "52a86338874d87942ca51da4", "ticket": "school-1-2026-000001", "site": "school-1", "zone": "dorm", "place": {"zh": "101\u5ba4", "en": "Room 101"}, "kind": "fire", "grade": "red", "state": "submitted", "fixer": "fixer", "due_at": "2026-09-21T16:13:20.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_91eb87f64f674e94e7f30ba3','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','ticket.regraded',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "ticket": "school-1-2026-000002", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "red", "state": "graded", "fixer": "", "due_at": "2026-09-21T16:13:25.000+00:00"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_e010a570a1d9a4be33e52e14','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','hook','hazard.raised',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "red", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:24.000+00:00", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "ticket": "school-1-2026-000002"}','pending',0,1790000005000000000,NULL,'');
INSERT INTO "notices" VALUES('msg_ee4526751c022cc20d95cdba','school-1','09675bf69f613ec7e0b95f0e','35f4699b449f0993d173d889','console','hazard.raised',1790000005000000000,'{"alarm_id": "09675bf69f613ec7e0b95f0e", "site": "school-1", "zone": "pond", "place": {"zh": "\u5858\u8fb9", "en": "Bank"}, "kind": "flood", "grade": "red", "active": true, "late": false, "drill": false, "opened_at": "2026-09-21T14:13:24.000+00:00", "text": {"zh": "\u7ea7\u522b3", "en": "level 3"}, "ticket": "school-1-2026-000002"}','sent',0,1790000005000000000,1790000005000000000,'');
CREATE TABLE replies (
	username VARCHAR(64) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	request VARCHAR(64) NOT NULL, 
	created_ns BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	etag VARCHAR(32) NOT NULL, 
	UNIQUE (username, "key")
);
INSERT INTO "replies" VALUES('officer','key-1','digest',1790000005000000000,200,'{"a": 1}','"3"');
CREATE TABLE sessions (
	digest VARCHAR(64) NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	created_ns BIGINT NOT NULL, 
	used_ns BIGINT NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "sessions" VALUES('74a9aa600336409d5f5f46122f91006c6ce9b8b515d5d35194818208a1b3f249','officer',1790000000000000000,1790000000000000000);
CREATE TABLE ticket_numbers (
	site VARCHAR(64) NOT NULL, 
	year INTEGER NOT NULL, 
	last INTEGER NOT NULL, 
	PRIMARY KEY (site, year)
);
INSERT INTO "ticket_numbers" VALUES('school-1',2026,3);
CREATE TABLE tickets (
	id VARCHAR(32) NOT NULL, 
	number VARCHAR(96) NOT NULL, 
	hazard VARCHAR(32) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	place VARCHAR(300) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	grade INTEGER NOT NULL, 
	major BOOLEAN NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	opened_ns BIGINT NOT NULL, 
	due_ns BIGINT NOT NULL, 
	overdue BOOLEAN NOT NULL, 
	supervised BOOLEAN NOT NULL, 
	fulfilled BOOLEAN NOT NULL, 
	relapses INTEGER NOT NULL, 
	fixer VARCHAR(64) NOT NULL, 
	fixers JSON NOT NULL, 
	acceptor VARCHAR(64) NOT NULL, 
	accepted_ns BIGINT, 
	closed_ns BIGINT, 
	close_reason VARCHAR(64) NOT NULL, 
	overridden BOOLEAN NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (number), 
	UNIQUE (hazard)
);
INSERT INTO "tickets" VALUES('82604ee1c3b31896ddf75716','school-1-2026-000001','52a86338874d87942ca51da4','school-1','dorm','d-101','fire',1,0,'submitted',1790000000000000000,1790007200000000000,0,0,0,0,'fixer','["fixer"]','officer',NULL,NULL,'',0,7);
INSERT INTO "tickets" VALUES('35f4699b449f0993d173d889','school-1-2026-000002','09675bf69f613ec7e0b95f0e','school-1','pond','bank','flood',1,0,'graded',1790000005000000000,1790007205000000000,0,0,0,0,'','[]','',NULL,NULL,'',0,4);
INSERT INTO "tickets" VALUES('d3d4224a1192c4e5ba5894b3','school-1-2026-000003','2b8906b5be3bf38d8bf619bf','school-1','dorm','d-102','fire',1,0,'graded',1790000005000000000,1790007205000000000,0,0,0,0,'','[]','officer',NULL,NULL,'',0,3);
CREATE INDEX ix_journal_site ON journal (site);
CREATE INDEX ix_journal_subject ON journal (subject);
CREATE INDEX ix_findings_hazard ON findings (hazard);
CREATE INDEX ix_findings_site ON findings (site);
CREATE INDEX hazard_of_place ON hazards (site, place, cause, drill);
CREATE INDEX ix_hazards_site ON hazards (site);
CREATE INDEX ix_tickets_state ON tickets (state);
CREATE INDEX ix_tickets_site ON tickets (site);
CREATE INDEX ix_notices_created_ns ON notices (created_ns);
CREATE INDEX ix_notices_site ON notices (site);
CREATE INDEX ix_notices_state ON notices (state);
COMMIT;
