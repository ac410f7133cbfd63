package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
)

// The data log is a folder:
//
//	key          the key that seals card numbers in it (0600 where the daemon made it)
//	log-000001   the messages of the first run, log-000002 those of the second, …
//	LOCK         held while a server runs
//
// A log file is frames, one for each write:
//
//	bytes 0–3    length of the payload, big-endian, as all numbers here
//	bytes 4–7    CRC-32C of the payload
//	bytes 8–11   the frame's number, from 1, going on from file to file
//	bytes 12–15  CRC-32C of bytes 0–11
//	then         the payload: records, see record.go
//
// A frame is written when the one before it is, and synced with Options.Sync; so what a crash leaves unfinished is at a
// file's end. It was never answered and is left out. A damaged frame that a good one follows is an error.

const (
	frameHeader = 16
	logPrefix   = "log-"
	keyFile     = "key"
	lockFile    = "LOCK"
	maxLogFiles = 999_999
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Log appends to the last file. Records are gathered in memory, and whoever commits first writes all of them.
type Log struct {
	keys  *pan.Keyring
	sync  bool
	limit int64             // bytes of all files
	wrote func(bytes int64) // called after each write
	fatal func(error)
	lock  io.Closer

	mu       sync.Mutex
	turn     sync.Cond // to write, and the end of a write
	file     vfs.File
	frame    uint32 // the last one's number
	bytes    int64  // of all files
	pending  []byte // the header's room, then records that are not written
	spare    []byte
	appended int64 // record bytes so far, written or not
	written  int64
	writing  bool
	failed   error
	epoch    [8]byte // random, of this run: the first part of every nonce
	cards    uint32  // the last card id given
}

// errLogFull ends a log that New would not read back.
var errLogFull = errors.New("the data log is as long as its limit allows: start with a new data folder")

// Commit implements book.Log: whoever comes first writes what is there for all.
func (l *Log) Commit(position int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.written < position && l.failed == nil {
		if l.writing {
			l.turn.Wait()
			continue
		}
		l.writeOut()
	}
	return l.failed
}

// writeOut writes what is pending as one frame. It is called with the lock and gives it up meanwhile.
func (l *Log) writeOut() {
	l.writing = true
	frame, upTo := l.pending, l.appended
	l.pending, l.spare = l.spare[:frameHeader], nil
	l.frame++
	number := l.frame
	l.mu.Unlock()

	seal(frame, number)
	size := int64(len(frame)) // the file system may do with the bytes what it likes
	err := errLogFull
	if l.bytes+size <= l.limit {
		_, err = l.file.Write(frame)
		if err == nil && l.sync {
			err = l.file.SyncData()
		}
	}

	l.mu.Lock()
	l.writing = false
	l.spare = frame[:0]
	if cap(l.spare) < frameHeader || cap(l.spare) > maxSpare {
		l.spare = make([]byte, 0, minSpare)
	}
	l.bytes += size
	l.wrote(size)
	if err != nil {
		l.failed = fmt.Errorf("issuersim: data log: %w", err)
		if l.fatal != nil {
			go l.fatal(l.failed)
		}
	} else {
		l.written = upTo
	}
	l.turn.Broadcast()
}

// Buffers are used again up to the larger size.
const (
	minSpare = 64 << 10
	maxSpare = 4 << 20
)

// seal fills the header of a frame.
func seal(frame []byte, number uint32) {
	payload := frame[frameHeader:]
	binary.BigEndian.PutUint32(frame[0:], uint32(len(payload)))
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(payload, castagnoli))
	binary.BigEndian.PutUint32(frame[8:], number)
	binary.BigEndian.PutUint32(frame[12:], crc32.Checksum(frame[:12], castagnoli))
}

// add appends a record that write writes, and returns the position behind it.
func (l *Log) add(write func(b []byte) []byte) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.pending)
	l.pending = write(l.pending)
	l.appended += int64(len(l.pending) - before)
	return l.appended
}

// Position implements book.Log.
func (l *Log) Position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appended
}

// Behind implements book.Log.
func (l *Log) Behind(position, n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return position-l.written > n
}

// Close implements book.Log.
func (l *Log) Close() error {
	err := l.Commit(l.Position())
	if err == nil {
		err = l.file.Sync()
	}
	return errors.Join(err, l.file.Close(), l.lock.Close())
}
