package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/httpcall"
	"switchyard/internal/slowlock"
	"switchyard/switch/incoming"
)

// Some clearing files are damaged on their way, so that the clearing system refuses them as a whole (1644/699), some of
// them twice: all that stands in them is rejected, once, and decided about as any reject.

func init() { addTopic(topic{name: "refused", since: 23, draw: drawRefused}) }

const refusedPercent = 40

func drawRefused(t *rapid.T, p *Plan) section {
	if _, rejects := sectionOf[rejectsSection](p); !rejects || !percent(t, refusedPercent) {
		return nil
	}
	return refusedSection{Damaged: []int{30, 70}[bits(t, 2)]}
}

// refusedSection says how many of a hundred files are damaged.
type refusedSection struct{ Damaged int }

// String implements section.
func (s refusedSection) String() string {
	return fmt.Sprintf("%d %% of the files that are brought while the plan is played are damaged on their way", s.Damaged)
}

func (s refusedSection) begin(w *world) any {
	return &refusedPart{refusedSection: s, w: w, sent: map[string]*damagedFile{}}
}

type refusedPart struct {
	refusedSection
	w *world

	mu   slowlock.Mutex
	sent map[string]*damagedFile // by path; nil: it arrives whole
}

// damagedFile is a file as it arrives at the clearing system, every time.
type damagedFile struct {
	text    []byte
	refused int // so many times by now, as far as it was told
	wanted  int // and so many times it is to be
	sent    int
}

// brings tells whether a file is damaged on its way: then it is brought so, and the clearing system must refuse it.
func (s *refusedPart) brings(path string, text []byte) (damaged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.sent[path]
	if !known {
		if s.w.chance.below(100, "damaged", hashOf(path)) < s.Damaged {
			if text := damagedSum(text); text != nil {
				f = &damagedFile{text: text, wanted: 1 + s.w.chance.below(2, "refused twice", hashOf(path))}
			}
		}
		s.sent[path] = f
	}
	if f != nil && f.refused < f.wanted {
		_ = s.bring(path, f) // brought again
	}
	return f != nil
}

// bring brings a damaged file once. The caller holds mu.
func (s *refusedPart) bring(path string, f *damagedFile) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f.sent++
	err := s.w.control(ctx, "POST", "/v1/clearing", f.text, nil)
	var refused *httpcall.StatusError
	switch {
	case err == nil:
		s.w.failf("the issuer takes a clearing file whose sum is wrong", "%s", path)
	case errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity:
		f.refused++
		s.w.faults.add("file damaged on its way", 1)
		s.w.trace.addf("issuer", "has refused %s", path)
		return nil
	}
	return err
}

// all brings what has not been refused yet, so that nothing of a file that may have been is open.
func (s *refusedPart) all() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, f := range s.sent {
		if f != nil && f.refused == 0 {
			if err := s.bring(path, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// isRefused tells whether a file arrived damaged, and never otherwise.
func (s *refusedPart) isRefused(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[path] != nil
}

// expects tells whether an exception is of a further refusal of a file.
func (s *refusedPart) expects(e *incoming.Exception) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	twice := false
	for _, f := range s.sent {
		twice = twice || f != nil && f.sent > 1
	}
	return twice && e.Message == "1644/699" && e.Excess == 0
}

// damagedSum is a file whose trailer says another sum than its records add up to (PDS0301); nil where the sum does not
// stand in one piece, or would say that it is not given.
func damagedSum(text []byte) []byte {
	const tag, digits = "0301016", 16
	for _, zero := range []byte{0xF0, '0'} { // cp500, ASCII
		mark := []byte(tag)
		for i := range mark {
			mark[i] += zero - '0'
		}
		at := bytes.LastIndex(text, mark)
		if at < 0 || at+len(mark)+digits > len(text) {
			continue
		}
		damaged := bytes.Clone(text)
		sum := damaged[at+len(mark):][:digits]
		sum[digits-1] ^= 1
		given := false
		for _, digit := range sum {
			if digit < zero || digit > zero+9 {
				return nil
			}
			given = given || digit != zero
		}
		if given {
			return damaged
		}
	}
	return nil
}
