package ipmtool

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/internal/infile"
)

// A sending is what is known of a record that was sent, or is about to be.
type sending struct {
	run     uint32 // from 1; of the last sending
	stan    uint32 // 0: never sent
	de7     string
	outcome string
	code    string // DE39
	repeat  bool   // this time it is
}

// ended tells whether the host's word is known.
func (s *sending) ended() bool { return s.outcome == OutcomeAccepted || s.outcome == OutcomeRefused }

// A stateLine is a sending in the state file. The last one of a message counts.
type stateLine struct {
	Run     uint32 `json:"run"`
	FileID  string `json:"file_id"`
	DE71    string `json:"de71"`
	STAN    uint32 `json:"stan"`
	DE7     string `json:"de7"`
	Outcome string `json:"outcome"`
	Code    string `json:"code,omitempty"`
	// Round is the run that began to send the whole file again, and that this one belongs to; 0: neither did.
	Round uint32 `json:"round,omitempty"`
}

// replayState is the state file of a replay: what was sent of which file. It is locked while a replay is under way.
type replayState struct {
	file  *os.File // nil: only looked at
	run   uint32
	stan  uint32 // the last one given
	known map[string]map[uint32]*statePage
	// rounds are the last ones that were begun, by the ids of files; round is the one that this run is of, or 0.
	rounds map[string]uint32
	round  uint32
}

// A statePage holds what is known of statePageSize messages: 24 bytes each.
type statePage [statePageSize]stateEntry

const statePageSize = 1 << 10

type stateEntry struct {
	run, stan, de7 uint32
	outcome        uint8
	code           [3]byte
}

// outcomes are their numbers in a stateEntry.
var outcomes = [...]string{OutcomeWaiting, OutcomeUnanswered, OutcomeAccepted, OutcomeRefused}

// openReplayState reads a state file, and makes and locks it where it is to be written.
func openReplayState(name string, write bool) (*replayState, error) {
	s := &replayState{known: map[string]map[uint32]*statePage{}, rounds: map[string]uint32{}}
	if info, err := os.Stat(name); err == nil {
		if err := infile.Regular(name, info); err != nil {
			return nil, err
		}
	}
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR | os.O_CREATE
	}
	file, err := os.OpenFile(name, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) && !write {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if write {
		s.file = file
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("%s: another replay of this file is under way", name)
		}
	}
	end, err := s.read(file)
	if err == nil && write {
		err = s.begin(end)
	}
	if err != nil || !write {
		_ = file.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// begin goes to the end of what is whole, and makes the file's name last.
func (s *replayState) begin(end int64) error {
	s.run++
	if err := s.file.Truncate(end); err != nil { // a line that was cut by a crash
		return err
	}
	if _, err := s.file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(s.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// stateHead is how each line begins. What else stands at the end of a file is no line that a crash has cut.
const stateHead = `{"run":`

// stateLineMost is longer than any line.
const stateLineMost = 1 << 10

// read takes all lines and returns where the last whole one ends.
func (s *replayState) read(r io.Reader) (end int64, err error) {
	lines := bufio.NewReaderSize(r, stateLineMost)
	for n := 1; ; n++ {
		text, err := lines.ReadSlice('\n')
		ours := strings.HasPrefix(string(text), stateHead) || strings.HasPrefix(stateHead, string(text))
		switch {
		case errors.Is(err, io.EOF) && ours: // cut by a crash
			return end, nil
		case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
			return end, fmt.Errorf("line %d: is none of a replay's state", n)
		case err != nil:
			return end, err
		}
		var line stateLine
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&line); err != nil {
			return end, fmt.Errorf("line %d: %w", n, err)
		}
		key := messageKey{line.FileID, line.DE71}
		if line.STAN != 0 && line.STAN != s.of(key).stan { // a repeat has the one that it had
			s.stan = line.STAN
		}
		s.keep(key, sending{run: line.Run, stan: line.STAN, de7: line.DE7, outcome: line.Outcome, code: line.Code})
		s.run = max(s.run, line.Run)
		s.rounds[line.FileID] = max(s.rounds[line.FileID], line.Round)
		end += int64(len(text))
	}
}

func (s *replayState) entry(key messageKey, make bool) *stateEntry {
	n, _ := strconv.ParseUint(key.DE71, 10, 32) // of eight digits; else it is 0
	pages := s.known[key.FileID]
	page := pages[uint32(n/statePageSize)]
	if page == nil {
		if !make {
			return nil
		}
		if pages == nil {
			pages = map[uint32]*statePage{}
			s.known[key.FileID] = pages
		}
		page = new(statePage)
		pages[uint32(n/statePageSize)] = page
	}
	return &page[n%statePageSize]
}

func (s *replayState) keep(key messageKey, is sending) {
	e := s.entry(key, true)
	de7, _ := strconv.ParseUint(is.de7, 10, 32) // ten digits of a date
	*e = stateEntry{run: is.run, stan: is.stan, de7: uint32(de7)}
	for i, outcome := range outcomes {
		if outcome == is.outcome {
			e.outcome = uint8(i)
		}
	}
	copy(e.code[:], is.code)
}

// of is what is known of a message.
func (s *replayState) of(key messageKey) sending {
	e := s.entry(key, false)
	if e == nil || e.run == 0 {
		return sending{outcome: OutcomeWaiting}
	}
	return sending{
		run: e.run, stan: e.stan, de7: fmt.Sprintf("%010d", e.de7), outcome: outcomes[e.outcome],
		code: string(bytes.TrimRight(e.code[:], "\x00")),
	}
}

// done tells whether nothing is to be sent of a message: the host's word on it is known, and of this round.
func (s *replayState) done(is *sending) bool { return is.ended() && is.run >= s.round }

// put keeps a sending, synced where the message goes out next.
func (s *replayState) put(key messageKey, is sending, synced bool) error {
	line, err := json.Marshal(stateLine{is.run, key.FileID, key.DE71, is.stan, is.de7, is.outcome, is.code, s.round})
	if err == nil {
		_, err = s.file.Write(append(line, '\n'))
	}
	if err == nil && synced {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("what was sent cannot be kept: %w", err)
	}
	s.keep(key, is)
	return nil
}

// nextSTAN gives STANs in their order, round after 999999.
func (s *replayState) nextSTAN() uint32 {
	s.stan = s.stan%999_999 + 1
	return s.stan
}

func (s *replayState) sync() error {
	if s.file == nil {
		return nil
	}
	return s.file.Sync()
}

func (s *replayState) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}
