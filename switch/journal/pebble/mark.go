package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
)

// A mark is a small file that says how far a journal was synced: its identity and the number of its newest synced
// batch, which stands in each batch, too. One lies in the journal's folder, where it finds a log that ends too early;
// another may lie outside of the data folder, where it outlives the folder and finds that an earlier copy of it was
// put back.
//
// It costs the way of a commit one write of 64 bytes a group, which is not synced: the page cache keeps it when the
// process is killed. It is synced once a second, so a machine that loses its power may leave a mark that is behind by
// as much; ahead of the log it never is, for a group's mark follows its sync.
//
// The file has four slots, each with a checksum. Slots 0 and 1 take the marks of groups in turn, so a torn write
// leaves the other. Slots 2 and 3 take counters as well (Options.Marked) and are synced one at a time before what was
// reserved is used.
type mark struct {
	Identity identity
	Batch    uint64            // number of the newest batch that was synced
	Counters map[string]uint64 // next numbers of the counters in it
}

// identity tells journals apart; copies of one share it.
type identity [16]byte

// insideMark is the name of the mark in the journal's folder.
const insideMark = "SYNCED"

const (
	markSlot    = 4096
	markSlots   = 4
	markMagic   = "SWMARK1\n"
	markHeadLen = len(markMagic) + len(identity{}) + 8 + 2
	// maxMarked bounds the counters in a mark: those without a "/" in their names, and the others that moved last.
	maxMarked = 32
	// markSyncEvery is how often a mark that was written is synced.
	markSyncEvery = time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendMark encodes one slot: magic, identity, batch (u64), number of counters (u16), each a name (byte length) and
// its next number (u64), and the CRC-32C of all that.
func appendMark(b []byte, m *mark, withCounters bool) []byte {
	b = append(b, markMagic...)
	b = append(b, m.Identity[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Batch)
	if !withCounters {
		b = binary.BigEndian.AppendUint16(b, 0)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m.Counters)))
		for name, next := range m.Counters {
			b = append(b, byte(len(name)))
			b = append(b, name...)
			b = binary.BigEndian.AppendUint64(b, next)
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeMark reads a slot; false if none was written there, or it is torn.
func decodeMark(b []byte) (m mark, ok bool) {
	if len(b) < markHeadLen || !bytes.HasPrefix(b, []byte(markMagic)) {
		return m, false
	}
	at := len(markMagic)
	at += copy(m.Identity[:], b[at:])
	m.Batch = binary.BigEndian.Uint64(b[at:])
	n := int(binary.BigEndian.Uint16(b[at+8:]))
	at += 8 + 2
	m.Counters = make(map[string]uint64, min(n, maxMarked))
	for range n {
		if at >= len(b) || at+1+int(b[at])+8 > len(b) {
			return m, false
		}
		name := string(b[at+1 : at+1+int(b[at])])
		at += 1 + len(name)
		m.Counters[name] = binary.BigEndian.Uint64(b[at:])
		at += 8
	}
	if at+4 > len(b) || binary.BigEndian.Uint32(b[at:]) != crc32.Checksum(b[:at], castagnoli) {
		return m, false
	}
	return m, true
}

// readMark reads a mark file: the newest batch of all slots, and the highest number of each counter. ErrNotFound if
// there is no file.
func readMark(fsys vfs.FS, path string) (m mark, err error) {
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, journal.ErrNotFound
	}
	if err != nil {
		return m, fmt.Errorf("journal: mark %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, markSlots*markSlot))
	if err = errors.Join(err, f.Close()); err != nil {
		return m, fmt.Errorf("journal: mark %s: %w", path, err)
	}
	m.Counters = map[string]uint64{}
	found := false
	for i := range markSlots {
		slot, ok := decodeMark(text[min(i*markSlot, len(text)):min((i+1)*markSlot, len(text))])
		if !ok {
			continue
		}
		if found && slot.Identity != m.Identity {
			return m, fmt.Errorf("journal: mark %s: its slots are of two journals", path)
		}
		found = true
		m.Identity, m.Batch = slot.Identity, max(m.Batch, slot.Batch)
		for name, next := range slot.Counters {
			m.Counters[name] = max(m.Counters[name], next)
		}
	}
	if !found {
		return m, fmt.Errorf("journal: mark %s: no slot of it can be read: it is damaged, or no mark", path)
	}
	return m, nil
}

// marker writes one mark file. Only the syncer writes; the sync once a second is a timer's.
type marker struct {
	path string
	file vfs.File
	turn uint64 // counts writes of groups
	base uint64 // counts writes with counters
	buf  []byte

	mu     sync.Mutex
	dirty  bool // written since the last sync, and the timer runs
	closed bool
	timer  *time.Timer
	syncs  sync.WaitGroup // of the timer's, under way
	failed func(error)
}

// openMarker opens a mark file for writing and writes m into it, synced. A file that is not there, or of another
// journal, is made anew.
func openMarker(fsys vfs.FS, path string, m *mark, failed func(error)) (*marker, error) {
	if was, err := readMark(fsys, path); err != nil || was.Identity != m.Identity {
		if err := createMark(fsys, path, m); err != nil {
			return nil, fmt.Errorf("journal: mark %s: %w", path, err)
		}
	}
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("journal: mark %s: %w", path, err)
	}
	k := &marker{path: path, file: f, failed: failed}
	if err := k.reserved(m); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return k, nil
}

// createMark makes a mark file that is whole or not there.
func createMark(fsys vfs.FS, path string, m *mark) error {
	text := make([]byte, markSlots*markSlot)
	copy(text[2*markSlot:], appendMark(nil, m, true))
	return writeWhole(fsys, path, text)
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// synced notes a group's batch.
func (k *marker) synced(m *mark) error {
	k.buf = appendMark(k.buf[:0], m, false)
	if _, err := k.file.WriteAt(k.buf, int64(k.turn%2)*markSlot); err != nil {
		return fmt.Errorf("journal: mark %s: %w", k.path, err)
	}
	k.turn++
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.dirty && !k.closed {
		k.dirty = true
		k.timer = time.AfterFunc(markSyncEvery, k.settle)
	}
	return nil
}

// reserved notes a batch that moved a counter, and syncs it.
func (k *marker) reserved(m *mark) error {
	k.buf = appendMark(k.buf[:0], m, true)
	_, err := k.file.WriteAt(k.buf, int64(2+k.base%2)*markSlot)
	if err == nil {
		err = k.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("journal: mark %s: %w", k.path, err)
	}
	k.base++
	return nil
}

// settle syncs what was written. The syncer goes on meanwhile.
func (k *marker) settle() {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return
	}
	k.dirty = false
	k.syncs.Add(1)
	k.mu.Unlock()
	defer k.syncs.Done()
	if err := k.file.Sync(); err != nil {
		k.failed(fmt.Errorf("journal: mark %s: %w", k.path, err))
	}
}

// close syncs and closes the file, once the syncer has ended.
func (k *marker) close() error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	k.closed = true
	if k.timer != nil {
		k.timer.Stop()
	}
	k.mu.Unlock()
	k.syncs.Wait()
	return errors.Join(k.file.Sync(), k.file.Close())
}
