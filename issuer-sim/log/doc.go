// Package log keeps what the books apply, and reads it back: the data folder of issuer-sim.
//
// Read first: log.go (folder, frames, and how writers share a write), record.go (each record byte by byte, and how it
// is written), record_read.go, readback.go (a folder applied again), frame.go (what a crash left unfinished, and what
// is damage), folder.go (files, key).
//
// It guarantees that a record stands in the file, and is synced where that is asked for, when Commit of its position
// returns; that an unfinished end is left out and damage before it refused; and that no card number stands there in
// clear. It applies nothing itself: package book does.
package log
