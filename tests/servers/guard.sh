#!/bin/sh
# pre-receive: what a forge's protected branches do. admin may do everything; everybody else may only
# add commits to refs/heads/status/*: no other ref, no deletion, no forced update.
[ "${REMOTE_USER:-anonymous}" = admin ] && exit 0
bad=0
while read -r old new ref; do
  case $ref in refs/heads/status/*) ;; *)
    echo "GUARD: ${REMOTE_USER:-anonymous} may not update $ref (protected)" >&2; bad=1; continue ;;
  esac
  case $new in *[!0]*) ;; *) echo "GUARD: no deletion of $ref" >&2; bad=1; continue ;; esac
  case $old in *[!0]*) ;; *) continue ;; esac
  git merge-base --is-ancestor "$old" "$new" || { echo "GUARD: no forced update of $ref" >&2; bad=1; }
done
exit $bad
