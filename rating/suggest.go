package rating

import "strings"

// suggestion says which words are allowed where name is not, and which of them
// was probably meant.
func suggestion(name string, allowed []string) string {
	best, distance := "", 3 // three edits away is another word
	if len(name) <= MaxName {
		for _, word := range allowed {
			if d := edits(strings.ToLower(name), word); d < distance {
				best, distance = word, d
			}
		}
	}
	list := strings.Join(allowed[:min(len(allowed), maxListed)], ", ")
	if len(allowed) > maxListed {
		list += ", ..."
	}
	switch {
	case best != "":
		return "did you mean " + best + "? Allowed: " + list
	case len(allowed) == 0:
		return "none is defined"
	}
	return "allowed: " + list
}

// maxListed is how many allowed words an error lists.
const maxListed = 16

// edits counts insertions, deletions and replacements from a to b
// (Levenshtein), one row of the table at a time.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, replaced)
		}
	}
	return row[len(b)]
}
