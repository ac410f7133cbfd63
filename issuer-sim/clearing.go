package issuersim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"switchyard/switch/clearing"
)

// maxClearingBytes is the longest clearing file that is taken: about 600,000 records.
const maxClearingBytes = 256 << 20

// maxExceptions is how many exceptions an answer lists; all are counted.
const maxExceptions = 100

// clearingResult is the answer to POST /v1/clearing.
type clearingResult struct {
	FileID     string              `json:"file_id"`
	Messages   int                 `json:"messages"` // presentments
	Settled    int                 `json:"settled"`  // postings found and settled
	Posted     int                 `json:"posted"`   // without a posting: debited or credited now
	Reversed   int                 `json:"reversed"` // postings taken back
	Already    int                 `json:"already"`  // done before, by a file that was cut short
	Ignored    int                 `json:"ignored"`  // messages that are no presentments
	Excepted   int                 `json:"excepted"` // not done, see exceptions
	Exceptions []clearingException `json:"exceptions,omitempty"`
}

type clearingException struct {
	Record int    `json:"record"`
	ARN    string `json:"arn,omitempty"`
	RRN    string `json:"rrn,omitempty"`
	Reason string `json:"reason"`
}

var errFileTaken = errors.New("this file was taken before")

// postClearing takes a clearing file: 409 if its id was taken before, 422 with what is wrong if it does not verify.
func (s *Server) postClearing(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClearingBytes))
	if err != nil {
		writeError(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	report, err := clearing.Verify(bytes.NewReader(body))
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	if !report.OK {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"error": "the file does not verify", "errors": report.Errors, "error_count": report.ErrorCount})
		return
	}
	result, err := s.issuer.clear(report.FileID, body)
	switch {
	case errors.Is(err, errFileTaken):
		writeError(w, http.StatusConflict, fmt.Errorf("file %s: %w", report.FileID, err))
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// clear applies a file that verifies. One that was cut short by a crash may be given again: what it did is not done twice.
func (i *issuer) clear(id string, body []byte) (result clearingResult, err error) {
	i.clearing.Lock()
	defer i.clearing.Unlock()
	file, taken := i.files.number(id)
	if taken {
		return result, errFileTaken
	}
	if file == 0 {
		return result, fmt.Errorf("more than %d clearing files", maxClearingFiles)
	}
	parsed, err := clearing.ParseFileID(id)
	if err != nil {
		return result, err
	}
	date := uint16(int(parsed.Date.Month())*100 + parsed.Date.Day())
	in, err := clearing.NewReader(bytes.NewReader(body))
	if err != nil {
		return result, err
	}
	if i.log != nil {
		i.log.appendFile(recordFileBegin, id)
	}
	result.FileID = id
	for {
		record, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return result, err
		}
		if record.MTI == "1644" {
			continue
		}
		if record.MTI != "1240" {
			result.Ignored++
			continue
		}
		result.Messages++
		p, ok := parsePresentment(record, date)
		did := settledNoCard
		if ok {
			if did, err = i.settle(&p, file); err != nil {
				return result, err
			}
		}
		result.count(did, record)
	}
	var position int64
	if i.log != nil {
		position = i.log.appendFile(recordFileEnd, id)
	}
	if err := i.commit(position); err != nil {
		return result, err
	}
	i.files.take(file)
	return result, nil
}

// settle takes one presentment and logs it.
func (i *issuer) settle(p *presentment, file uint32) (settlement, error) {
	s := i.shardOf(p.card)
	s.mu.Lock()
	did := s.settle(p, file)
	var position int64
	if i.log != nil && did <= settledReversal {
		position = i.log.appendPresentment(s, p)
	}
	s.mu.Unlock()
	return did, i.throttle(position)
}

// maxUnwritten is how many bytes of the log a clearing file may gather before they are written.
const maxUnwritten = 1 << 20

// throttle writes the log if much of it is only in memory.
func (i *issuer) throttle(position int64) error {
	if i.log == nil || position == 0 || !i.log.behind(position, maxUnwritten) {
		return nil
	}
	return i.commit(position)
}

func (r *clearingResult) count(did settlement, record *clearing.Record) {
	switch did {
	case settledPosting:
		r.Settled++
	case settledNew:
		r.Posted++
	case settledReversal:
		r.Reversed++
	case settledAlready:
		r.Already++
	default:
		r.Excepted++
		if len(r.Exceptions) < maxExceptions {
			r.Exceptions = append(r.Exceptions, clearingException{
				Record: record.Number, ARN: record.Text(31), RRN: trimmed(record.Get(37)), Reason: settlementReasons[did],
			})
		}
	}
}

// parsePresentment reads a record that Verify has passed; false if it has no card number of ours.
func parsePresentment(r *clearing.Record, date uint16) (p presentment, ok bool) {
	if p.card, ok = parseDigits(r.Get(2)); !ok {
		return p, false
	}
	amount, ok := r.AmountMinor()
	currency, known := parseNumber(r.Get(49))
	if !ok || !known {
		return p, false
	}
	if p.acquirer, ok = parseDigits(r.Get(32)); !ok {
		return p, false
	}
	fill(p.rrn[:], trimBlanks(r.Get(37)))
	fill(p.merchant[:], trimBlanks(r.Get(42)))
	p.arn, _ = parseARN(r.Get(31))
	p.amount, p.currency, p.date = amount, uint16(currency), date
	p.reversal = r.Reversal()
	// DE3 is the original's, so the side of what is taken back is found by turning a reversal round.
	p.credit = r.Debits() == p.reversal
	return p, true
}
