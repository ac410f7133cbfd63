package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// madeAgain is what the switch says that the files of a date are when it makes them once more from its journal.
type madeAgain struct {
	Files []struct {
		Name   string `json:"name"`
		SHA256 string `json:"sha256"`
		Bytes  int64  `json:"bytes"`
	} `json:"files"`
}

// maxMadeAgain bounds that list: the four files of each of 99,999.
const maxMadeAgain = 256 << 20

// fileSum is what a file in the folder is.
type fileSum struct {
	sha256 string
	bytes  int64
}

// OpenDate opens what is told of a business date, YYYY-MM-DD.
type OpenDate func(ctx context.Context, date string) (io.ReadCloser, error)

// rebuilt holds the files in the folder against what the journal makes of their dates today (I8). That a file is not
// there is said elsewhere.
func (a *auditor) rebuilt(ctx context.Context, open OpenDate) error {
	for _, date := range slices.Sorted(maps.Keys(a.files.dates)) {
		if d := a.calendar.days[date]; d == nil || d.State != dayWritten {
			continue
		}
		again, err := readMadeAgain(ctx, open, date)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.files.wrong = append(a.files.wrong, Difference{Kind: FileRebuilt,
				Detail: fmt.Sprintf("business date %s: its files cannot be made again: %v", date, err)})
			continue
		}
		for _, f := range again.Files {
			is, read := a.files.sums[f.Name]
			if want := (fileSum{f.SHA256, f.Bytes}); read && is != want {
				a.files.differ(FileRebuilt, f.Name, "made again from the journal it has %d bytes and SHA-256 %s, and not %d and %s",
					want.bytes, want.sha256, is.bytes, is.sha256)
			}
		}
	}
	return nil
}

func readMadeAgain(ctx context.Context, open OpenDate, date string) (again madeAgain, err error) {
	in, err := open(ctx, date)
	if err != nil {
		return again, err
	}
	defer in.Close()
	return again, json.NewDecoder(io.LimitReader(in, maxMadeAgain)).Decode(&again)
}
