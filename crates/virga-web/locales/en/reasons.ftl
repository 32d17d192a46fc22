# Why a video failed, by the reason's code; English pages show the API's own words, which hold the figures
reason-cancelled = Processing was stopped. You can start it again.
reason-coding_unsupported = This site does not support the codec of this file. Convert the video to MP4 and upload that.
reason-damaged = The file is damaged, or it has no picture that this site can decode. Upload another copy, or convert the video to MP4 and upload that.
reason-encoder_time = Your videos have used up their encoding time for 24 hours. Encoding continues automatically later.
reason-encrypted = The file is encrypted. Upload a copy without protection.
reason-ends_early = The file ends early. If the video is not the whole film, upload the file again.
reason-external_media = The file only refers to media stored elsewhere. Export it as one complete file and upload that.
reason-file_empty = The file is empty.
reason-file_is_audio = This file contains only sound. This site takes such files now: try again.
reason-file_is_concat = This is a list of other files, not a video. Upload the video itself.
reason-file_is_image = This is a picture, not a video. Upload the video itself.
reason-file_is_playlist = This is a playlist, which only refers to video elsewhere. Upload the video itself.
reason-file_is_sdp = This file describes a network stream and contains no video. Upload the video itself.
reason-file_is_text = This is a text file, not a video. Upload the video itself.
reason-file_unknown = This site does not recognise this format, or the file is damaged. Convert the video to MP4 and upload that.
reason-frame_rate_too_high = Its frame rate is higher than this site accepts. Export it with fewer frames per second.
reason-gave_up = Processing failed several times. Try again later.
reason-internal = Something went wrong during processing. Try again; if it happens again, contact an administrator of this site.
reason-media_malformed = The file is damaged. Upload another copy, or export it again.
reason-media_no_index = The file has no index. The recording was probably not finished. Repair it with the program that recorded it, and upload that.
reason-media_too_large = The file is larger than this site can process.
reason-media_repeated = The file’s index refers to the same data again and again, so it cannot be played. Export the video again from the program that made it.
reason-media_truncated = The file is incomplete: the end is missing. Upload the whole file.
reason-media_unsupported = The file uses a feature that this site does not support. Convert the video to MP4 and upload that.
reason-no_video = The file contains nothing to play. Upload a file with video or sound.
reason-object_gone = A file that this site created for the video is missing from its storage. Contact an administrator of this site.
reason-picture_too_large = Its picture has more pixels than this site accepts. Export it in a smaller size.
reason-picture_too_small = Its picture is too small to be shown. Export it in a larger size.
reason-quota_used = Your storage is full. Delete videos to free space; encoding then continues automatically.
reason-scratch_too_small = This file is too large for the temporary disk space of this site.
reason-source_gone = The uploaded file is missing from this site’s storage. Upload it again, or contact an administrator of this site.
reason-storage_refused = This site’s storage refuses access. Contact an administrator of this site, then try again.
reason-too_long = It is longer than this site accepts. Upload it in parts.
reason-too_many_tracks = It has more tracks than this site accepts.
reason-too_slow = Encoding takes far longer than it should.

# What failed beside what plays, by the kind of job
note-ends_early = The file ends early: { $read } of { $whole } could be read. If that is not the whole film, upload the file again.
warning-probe = Checking the file failed: { $why }
warning-sound = Converting the audio failed: { $why }
warning-package = Preparing it for faster playback failed: { $why }
warning-copy = Taking the video out of its file failed: { $why }
warning-first-rung = Creating the first version for all browsers failed: { $why }
warning-ladder = Creating the other qualities failed: { $why }
warning-span = Creating the other qualities failed: { $why }
warning-join = Joining the parts of the other qualities failed: { $why }
warning-poster = Creating the cover image failed: { $why }
warning-fallback = Creating the version for old browsers failed: { $why }
warning-storyboard = Creating the preview pictures for seeking failed: { $why }

# What waits, by the kind of job
waits-sound = This video is waiting to be processed: { $why }
waits-copy = This video is waiting to be processed: { $why }
waits-first-rung = This video is waiting to be processed: { $why }
waits-ladder = Other qualities are waiting: { $why }
waits-span = Other qualities are waiting: { $why }
