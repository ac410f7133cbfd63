package folder

import (
	"cmp"
	"fmt"
	"slices"

	"switchyard/switch/clearing"
)

// The files of a date are numbered without a gap, and the manifests of those that its cutover made say which is the
// last: so a date that is open, and has the files of windows, or that is not written to its end, is not taken for one
// that is whole. Manifests that were made before they said so say nothing, and their dates are taken as they are.

// whole puts the files of a date into their order, and finds what is missing before a file, or behind it.
func (l *datedFiles) whole() (at *datedFile, err error) {
	several := severalSwitches(l.files)
	slices.SortStableFunc(l.files, func(a, b datedFile) int {
		if of := cmp.Compare(a.id.ProcessorID, b.id.ProcessorID); several && of != 0 {
			return of
		}
		return cmp.Compare(a.id.Sequence, b.id.Sequence)
	})
	begin := 0
	for i := range l.files {
		f := &l.files[i]
		behind := i > 0 && (!several || f.id.ProcessorID == l.files[i-1].id.ProcessorID)
		if behind && f.id.Sequence == l.files[i-1].id.Sequence+1 {
			continue
		}
		// It is the first of a switch: with sequence 1, or, of a node that shares its id with others, behind its number.
		if node, n := clearing.SplitNodeSequence(f.id.Sequence); n != 1 {
			missing := f.id.Sequence - n + 1
			if of, _ := clearing.SplitNodeSequence(l.files[max(i-1, 0)].id.Sequence); behind && of == node {
				missing = l.files[i-1].id.Sequence + 1
			}
			return f, fmt.Errorf("the file of sequence %05d before it is missing", missing)
		}
		if at, err := ends(l.files[begin:i]); err != nil {
			return at, err
		}
		begin = i
	}
	return ends(l.files[begin:])
}

// severalSwitches tells whether files of a date with different processor ids are of several switches, each of which
// begins with sequence 1, or its node's first. Where one switch gets another processor id within the date its sequences
// go on: behind those of a window, and never behind those of the cutover, which all have one id and are the last.
func severalSwitches(files []datedFile) bool {
	inOrder := slices.SortedStableFunc(slices.Values(files), func(a, b datedFile) int {
		return cmp.Compare(a.id.Sequence, b.id.Sequence)
	})
	var cutover *datedFile // among those before, without a gap between
	for i := range inOrder {
		f := &inOrder[i]
		if i > 0 && f.id.Sequence == inOrder[i-1].id.Sequence {
			return true
		}
		if i > 0 && f.id.Sequence != inOrder[i-1].id.Sequence+1 {
			cutover = nil
		}
		if cutover != nil && cutover.id.ProcessorID != f.id.ProcessorID {
			return true
		}
		if cutover == nil && f.manifest.LastSequence > 0 {
			cutover = f
		}
	}
	return false
}

// ends tells whether files that follow one another end with the last one of their date.
func ends(files []datedFile) (at *datedFile, err error) {
	var window, last *datedFile
	for i := range files {
		f := &files[i]
		switch {
		case f.manifest.Window > 0:
			window = f
		case f.manifest.LastSequence > 0 && (last == nil || f.manifest.LastSequence >= last.manifest.LastSequence):
			last = f
		}
	}
	switch {
	case last == nil && window != nil:
		return window, fmt.Errorf("it is of window %d of %s, and its business date has no last file: the date is open, or "+
			"not written to its end", window.manifest.Window, window.manifest.Destination)
	case last != nil && last.manifest.LastSequence > files[len(files)-1].id.Sequence:
		return last, fmt.Errorf("the last file of its business date, of sequence %05d, is missing: the date is not written "+
			"to its end", last.manifest.LastSequence)
	}
	return nil, nil
}
