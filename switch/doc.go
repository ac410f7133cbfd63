// Package txswitch composes the switch and runs it. (package switch would be no legal Go.)
//
// The way of one payment:
//
//	gateway ─JSON─▶ lines ─▶ front ─▶ flow ─▶ exchange ─▶ link ─ISO 8583─▶ issuer
//	                                  │  ▲                 │
//	                  intent, synced  │  │  response,      │
//	                                  ▼  │  matched        ▼
//	                                 journal (Pebble) ◀── outcome, synced
//	                                  │        ▲
//	cutover: the day's presentments ◀─┘        └── saf: captures and reversals, sent
//	   │                                            until the issuer acknowledges them
//	   ▼
//	clearing: <business date>/<file id>.ipm + .csv + manifest
//
// Read switch.go first (what is made, in which order it starts and ends), then doors.go, router.go and housekeeping.go.
// The configuration is config.go, with a file a section where there is more to one than its keys: each checks itself
// and makes of itself what the package behind it takes.
//
// [New] takes everything that touches the outside as an option: listeners, dialer, file system, fatal hook, logger and
// metrics registry; so the same code runs in a daemon and in a simulation. Nothing below it opens a socket or a file on
// its own, exits the process or registers a metric globally. [Switch.Start] recovers what a crash left before the first
// request is served; [Switch.Close] drains.
package txswitch
