# States and visibility
state-draft = No file yet
state-uploading = Uploading
state-processing = Processing
state-playable = Playable – HD on the way
state-ready = Ready
state-failed = Failed
state-deleted = Deleted
visibility-public = Public
visibility-public-hint = Anyone can watch. Listed and searchable.
visibility-unlisted = Unlisted
visibility-unlisted-hint = Anyone with the link can watch. Not listed.
visibility-private = Private
visibility-private-hint = Only you and administrators can watch.

# Upload
upload-title = Upload
upload-drop = Drop videos or audio here
upload-choose = Choose videos
upload-limits = Up to { $size } per file. Camera files, MP4, MOV, MKV, WebM, MP3 and most others.
upload-into = The next file goes into “{ $title }”.
upload-plain-hint = Without JavaScript, a file is uploaded in one piece. Enter a title first.
upload-plain-next = Next: choose the file
upload-plain-file = The file for “{ $title }”
upload-plain-limit = Up to { $size }. If the connection breaks, the upload starts over; with JavaScript it resumes.
upload-plain-send = Upload
upload-open = Unfinished uploads
upload-open-hint = Choose the same file again, and its upload resumes where it stopped.
upload-again = Choose the same file to resume at { $percent }%
upload-give-up = Discard upload
upload-discard-ask = Discard this upload? Everything sent so far is deleted.
upload-keep = Keep it
upload-until = Kept until { $date }
upload-list = Current uploads
upload-progress = Upload progress
upload-pause = Pause
upload-resume = Resume
upload-watch = Open video
upload-early = What has arrived can be watched already.
upload-waiting = Waiting
upload-checking = Checking the file
upload-paused = Paused
upload-offline = Offline. Resumes automatically.
upload-finishing = Finishing
upload-sent = { $done } of { $total }
upload-done = Uploaded
upload-speed = { $speed }/s, { $time } left
upload-away = The site is not responding. Trying again in { $seconds } s.
upload-percent = { $percent }%
upload-saved = Saved
upload-too-large = This file is larger than the site accepts.
upload-empty = This file is empty.
upload-changed = This file changed on your device or can no longer be read. Choose it again.
upload-other-file = This is a different file. Choose the one you started with.
upload-signed-out = You have been signed out. Sign in in another tab, then resume.
upload-failed = The upload was interrupted. What was sent is saved; resume at any time.
upload-folder = Folders cannot be uploaded. Choose the files in them.

# My videos
mine-empty = You have no videos yet
mine-choose = Choose a file
mine-go-on = Resume upload
mine-purge = Deleted permanently on { $date }
toast-deleted = “{ $title }” has been deleted.
toast-purged = The video has been permanently deleted.
toast-restored = The video has been restored.
toast-remade = The video is being rebuilt. It plays again as soon as its first version is ready.
toast-retried = Retrying.
toast-cancelled = Processing stopped.

# Edit
field-title = Title
field-description = Description
field-visibility = Visibility
edit-title = Edit video
edit-conflict = This video was changed in another window
edit-conflict-hint = This is the saved version. Your version is below; saving it replaces the saved version.
edit-conflict-theirs = Keep the saved version
edit-conflict-mine = Your version
stop = Processing
stop-hint = This video is still being processed. What can be watched already stays; a video that plays while it is being encoded stops playing.
stop-go = Stop processing
remake = Rebuild
remake-hint = Creates all qualities, the cover image and the version for old browsers again from the uploaded file. Use it if picture or sound is damaged.
remake-ask = Rebuild this video…
remake-ask-hint = Nobody can watch the video until its first version is ready again. Its link, texts, comments and views stay.
remake-go = Rebuild now
edit-delete = Delete
edit-delete-hint = { $n ->
    [0] A deleted video can be restored for a short while.
    [one] A deleted video can be restored for one day.
   *[other] A deleted video can be restored for { $shown } days.
  }
edit-loose = { $n ->
    [one] Media links that are already in use keep working for up to a minute.
   *[other] Media links that are already in use keep working for up to { $shown } minutes.
  }
edit-forever = Delete permanently…
edit-forever-hint = The video, its file and its comments are deleted immediately. This cannot be undone.
edit-forever-go = Delete “{ $title }” permanently

# Watch
watch-no-script = The version for browsers without JavaScript is not ready yet.
watch-better = A better version is ready
watch-broken = Playback was interrupted.
watch-again = Try again
stage-draft = The owner has not uploaded a file yet.
stage-draft-own = You haven’t uploaded a file yet.
stage-uploading = The file is being uploaded.
stage-processing = This takes a moment. The video appears here as soon as it is playable.
stage-other-browsers = Not ready for your browser yet
stage-other-browsers-text = Your browser can’t play this video in its original format. A version that it can play is being created and will appear here.
stage-plays-in = You can watch it in about { $time }, while the rest is still being prepared.
stage-starting = Starting
stage-failed = This file cannot be played.
stage-deleted = It can still be restored.
views = { $n ->
    [one] { $shown } view
   *[other] { $shown } views
  }
videos = { $n ->
    [one] { $shown } video
   *[other] { $shown } videos
  }

# Comments
comments = Comments
comment-write = Write a comment
comment-post = Post
comment-sign-in = Sign in to comment
comment-admin = Administrator
comment-edited = edited
comment-edit = Edit comment
comment-ask = Delete this comment? This cannot be undone.
comment-delete = Delete comment
comment-more = Show more comments

# Time
date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
  } { $year }
ago-now = just now
ago-minutes = { $n ->
    [one] 1 minute ago
   *[other] { $shown } minutes ago
  }
ago-hours = { $n ->
    [one] 1 hour ago
   *[other] { $shown } hours ago
  }
ago-days = { $n ->
    [one] 1 day ago
   *[other] { $shown } days ago
  }
ago-months = { $n ->
    [one] 1 month ago
   *[other] { $shown } months ago
  }
ago-years = { $n ->
    [one] 1 year ago
   *[other] { $shown } years ago
  }
